/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and at a value "write PATH" makes that file and emits "written", or why it could not. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname writes-files\nuse output out\n");

enum { kWordBytes = 6, kPathBytes = 512 };

/* What came of it; `path` has no end of its own. */
static const char* Write(const char* path, uint64_t size) {
  char name[kPathBytes] = "";
  if (size >= sizeof name) return "too long";
  memcpy(name, path, size);
  const int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return strerror(errno);
  const ssize_t written = write(file, "x", 1);
  (void)close(file);
  return written == 1 ? "written" : "not written";
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_slice value = event->value;
  if (value.size <= kWordBytes || memcmp(value.data, "write ", kWordBytes) != 0) {
    return Emit(instance, context, event, value);
  }
  const char* const outcome = Write(value.data + kWordBytes, value.size - kWordBytes);
  const mr_slice told = {outcome, strlen(outcome)};
  return Emit(instance, context, event, told);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
