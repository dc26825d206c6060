/* SPDX-License-Identifier: Apache-2.0 */
/* Writes through a null pointer before anybody called it. */
#include <stddef.h>

#include "minimal.h"

MR_NOTE("abi 1.0\nname constructor-crashes\n");

static int* volatile nowhere; /* volatile: what is read from it is not known to be null */

__attribute__((constructor)) static void Construct(void) { *nowhere = 1; }

static const mr_function kTable = {
    sizeof(mr_function), MR_ABI_MAJOR, MR_ABI_MINOR,  0,    NULL, MinimalOpen, MinimalClose,
    MinimalStart,        MinimalStop,  MinimalHandle, NULL, NULL};

const mr_function* millrace_function(void) { return &kTable; }
