/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and at the value "exit" ends the process as if all were well. */
#include <stdlib.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname exits\nuse output out\n");

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  if (Is(event->value, "exit")) exit(0);
  return Emit(instance, context, event, event->value);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
