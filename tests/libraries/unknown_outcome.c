/* SPDX-License-Identifier: Apache-2.0 */
/* Returns an outcome that is none. */
#include "minimal.h"

MR_NOTE("abi 1.0\nname unknown-outcome\n");

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  (void)instance;
  (void)context;
  (void)event;
  return 99;
}
static const mr_function kFunction = {
    sizeof kFunction, MR_ABI_MAJOR, MR_ABI_MINOR, 0,      NULL, MinimalOpen,
    MinimalClose,     MinimalStart, MinimalStop,  Handle, NULL, NULL};

const mr_function* millrace_function(void) { return &kFunction; }
