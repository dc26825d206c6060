/* SPDX-License-Identifier: Apache-2.0 */
/* Speaks ABI 2, in its note and its table. */
#include "minimal.h"

MR_NOTE("abi 2.0\nname wrong-major\n");

static const mr_function kFunction = {
    sizeof kFunction, 2u,          MR_ABI_MINOR,  0,    NULL, MinimalOpen, MinimalClose,
    MinimalStart,     MinimalStop, MinimalHandle, NULL, NULL};

const mr_function* millrace_function(void) { return &kFunction; }
