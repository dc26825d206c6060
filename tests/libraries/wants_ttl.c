/* SPDX-License-Identifier: Apache-2.0 */
/* Declares a time-to-live, which this version does not have. */
#include "minimal.h"

MR_NOTE("abi 1.0\nname wants-ttl\nuse value total\n");

static const mr_use kUses[] = {{1, MR_VALUE, 86400000, {"total", 5}}};
static const mr_function kFunction = {
    sizeof kFunction, MR_ABI_MAJOR, MR_ABI_MINOR,  1,    kUses, MinimalOpen, MinimalClose,
    MinimalStart,     MinimalStop,  MinimalHandle, NULL, NULL};

const mr_function* millrace_function(void) { return &kFunction; }
