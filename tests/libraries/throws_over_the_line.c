/* SPDX-License-Identifier: Apache-2.0 */
/* Lets out of its handler what the value names, int or std, the first two times; throw_from_c.cc
 * throws, and nothing of the SDK is there to catch it. */
#include <string.h>

#include "minimal.h"

MR_NOTE("abi 1.0\nname throws-over-the-line\nuse output out\n");

enum { kOut = 1, kDoneAt = 3 };
static const mr_use kUses[] = {{kOut, MR_OUTPUT, 0, {"out", 3}}};

void ThrowInt(void);
void ThrowStd(void);

static int Is(mr_slice value, const char* word) {
  return value.size == strlen(word) && memcmp(value.data, word, value.size) == 0;
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_host* host = instance;
  const mr_record record = {event->key, event->value, NULL, 0, -1, -1, 0};
  (void)host->emit(context, kOut, &record);
  if (event->attempt < kDoneAt && Is(event->value, "int")) ThrowInt();
  if (event->attempt < kDoneAt && Is(event->value, "std")) ThrowStd();
  return MR_DONE;
}
static const mr_function kFunction = {
    sizeof kFunction, MR_ABI_MAJOR, MR_ABI_MINOR, 1,      kUses, MinimalOpen,
    MinimalClose,     MinimalStart, MinimalStop,  Handle, NULL,  NULL};

const mr_function* millrace_function(void) { return &kFunction; }
