/* SPDX-License-Identifier: Apache-2.0 */
/* Exports another symbol than the one that a host looks for. */
#include <millrace/abi.h>
#include <stddef.h>

MR_NOTE("abi 1.0\nname no-symbol\n");

const mr_function* some_other_function(void);
const mr_function* some_other_function(void) { return NULL; }
