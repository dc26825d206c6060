/* SPDX-License-Identifier: Apache-2.0 */
/* Would echo, but never comes back from its open(). */
#define _POSIX_C_SOURCE 200809L
#include <unistd.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname hangs-in-open\nuse output out\n");

static int32_t Open(const mr_host* host, mr_setup* setup, void** library) {
  (void)host;
  (void)setup;
  *library = NULL;
  for (;;) pause();
  return MR_OK;
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  return Emit(instance, context, event, event->value);
}
ECHO_FUNCTION(Open, MinimalStart, Handle);
