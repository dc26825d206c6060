/* SPDX-License-Identifier: Apache-2.0 */
/* Carries no note. */
#include "minimal.h"

static const mr_function kFunction = {
    sizeof kFunction, MR_ABI_MAJOR, MR_ABI_MINOR,  0,    NULL, MinimalOpen, MinimalClose,
    MinimalStart,     MinimalStop,  MinimalHandle, NULL, NULL};

const mr_function* millrace_function(void) { return &kFunction; }
