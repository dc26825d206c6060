/* SPDX-License-Identifier: Apache-2.0 */
/* A function that emits each event's value to "out", for libraries whose defect shows at one value.
 */
#pragma once

#include <string.h>

#include "minimal.h"

enum { kOut = 1 };
static const mr_use kUses[] = {{kOut, MR_OUTPUT, 0, {"out", 3}}};

static inline int Is(mr_slice value, const char* word) {
  return value.size == strlen(word) && memcmp(value.data, word, value.size) == 0;
}

/* The event's key with that value; an outcome. */
static inline int32_t Emit(void* instance, mr_context* context, const mr_event* event,
                           mr_slice value) {
  const mr_host* host = (const mr_host*)instance;
  const mr_record record = {event->key, value, NULL, 0, -1, -1, 0};
  (void)host->emit(context, kOut, &record); /* a failure counts all the same */
  return MR_DONE;
}

/* Once, at the end: the library with these three calls. */
#define ECHO_FUNCTION(open, start, handle)                               \
  static const mr_function kFunction;                                    \
  const mr_function* millrace_function(void) { return &kFunction; }      \
  static const mr_function kFunction = {                                 \
      sizeof kFunction, MR_ABI_MAJOR, MR_ABI_MINOR, 1,      kUses, open, \
      MinimalClose,     start,        MinimalStop,  handle, NULL,  NULL}
