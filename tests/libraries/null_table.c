/* SPDX-License-Identifier: Apache-2.0 */
/* Has no function to give. */
#include <millrace/abi.h>
#include <stddef.h>

MR_NOTE("abi 1.0\nname null-table\n");

const mr_function* millrace_function(void) { return NULL; }
