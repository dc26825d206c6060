/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and never comes back from the value "loop"; at "deaf" it also ignores SIGABRT. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname loops\nuse output out\n");

static volatile int found; /* volatile: the loop has an effect and is not removed */

static void Search(void) {
  while (!found) continue;
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  if (Is(event->value, "deaf")) (void)signal(SIGABRT, SIG_IGN);
  if (Is(event->value, "loop") || Is(event->value, "deaf")) Search();
  return Emit(instance, context, event, event->value);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
