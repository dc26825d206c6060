/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and at a value "print N" first prints N lines to standard output and as many to standard
 * error. It flushes nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname prints\nuse output out\n");

enum { kWordBytes = 6, kDigits = 16 };

/* N; 0 for other values. */
static long Lines(mr_slice value) {
  char digits[kDigits] = "";
  if (value.size <= kWordBytes || value.size - kWordBytes >= sizeof digits) return 0;
  if (memcmp(value.data, "print ", kWordBytes) != 0) return 0;
  memcpy(digits, value.data + kWordBytes, value.size - kWordBytes);
  return strtol(digits, NULL, 10);
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const long lines = Lines(event->value);
  for (long line = 1; line <= lines; ++line) {
    printf("line %ld to stdout\n", line);
    fprintf(stderr, "line %ld to stderr\n", line);
  }
  return Emit(instance, context, event, event->value);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
