/* SPDX-License-Identifier: Apache-2.0 */
/* Never comes back from its constructor. */
#define _POSIX_C_SOURCE 200809L
#include <unistd.h>

#include "minimal.h"

MR_NOTE("abi 1.0\nname constructor-hangs\n");

__attribute__((constructor)) static void Construct(void) {
  for (;;) pause();
}

static const mr_function kTable = {
    sizeof(mr_function), MR_ABI_MAJOR, MR_ABI_MINOR,  0,    NULL, MinimalOpen, MinimalClose,
    MinimalStart,        MinimalStop,  MinimalHandle, NULL, NULL};

const mr_function* millrace_function(void) { return &kTable; }
