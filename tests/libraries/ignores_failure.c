/* SPDX-License-Identifier: Apache-2.0 */
/* Emits to an output that it did not declare and goes on as if nothing had happened. */
#include "minimal.h"

MR_NOTE("abi 1.0\nname ignores-failure\n");

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_host* host = instance;
  const mr_record record = {event->key, event->value, NULL, 0, -1, -1, 0};
  (void)host->emit(context, 7, &record);
  return MR_DONE;
}
static const mr_function kFunction = {
    sizeof kFunction, MR_ABI_MAJOR, MR_ABI_MINOR, 0,      NULL, MinimalOpen,
    MinimalClose,     MinimalStart, MinimalStop,  Handle, NULL, NULL};

const mr_function* millrace_function(void) { return &kFunction; }
