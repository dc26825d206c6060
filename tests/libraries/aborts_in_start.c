/* SPDX-License-Identifier: Apache-2.0 */
/* Would echo, but aborts in its start(). */
#include <stdlib.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname aborts-in-start\nuse output out\n");

static int32_t Start(void* library, mr_setup* setup, void** instance) {
  (void)library;
  (void)setup;
  (void)instance;
  abort();
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  return Emit(instance, context, event, event->value);
}
ECHO_FUNCTION(MinimalOpen, Start, Handle);
