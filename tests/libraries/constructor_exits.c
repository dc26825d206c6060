/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the process that loads it, as if all were well. */
#include <stdlib.h>

#include "minimal.h"

MR_NOTE("abi 1.0\nname constructor-exits\n");

__attribute__((constructor)) static void Construct(void) { exit(0); }

static const mr_function kTable = {
    sizeof(mr_function), MR_ABI_MAJOR, MR_ABI_MINOR,  0,    NULL, MinimalOpen, MinimalClose,
    MinimalStart,        MinimalStop,  MinimalHandle, NULL, NULL};

const mr_function* millrace_function(void) { return &kTable; }
