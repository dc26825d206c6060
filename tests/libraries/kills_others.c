/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and at the value "kill" emits whether a signal to the parent process would be "refused"
 * or has "reached" it. It is signal 0, which only asks. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <unistd.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname kills-others\nuse output out\n");

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_slice refused = {"refused", 7}, reached = {"reached", 7};
  if (!Is(event->value, "kill")) return Emit(instance, context, event, event->value);
  return Emit(instance, context, event, kill(getppid(), 0) == 0 ? reached : refused);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
