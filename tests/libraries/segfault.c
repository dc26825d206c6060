/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and writes through a null pointer at the value "segv". */
#include "echo.h"

MR_NOTE("abi 1.0\nname segfault\nuse output out\n");

static int* volatile nowhere; /* volatile: what is read from it is not known to be null */

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  if (Is(event->value, "segv")) *nowhere = 1;
  return Emit(instance, context, event, event->value);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
