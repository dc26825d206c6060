/* SPDX-License-Identifier: Apache-2.0 */
/* Emits its event's value, and then uses the context of the event before, which is over. */
#include "minimal.h"

MR_NOTE("abi 1.0\nname keeps-context\nuse output out\n");

enum { kOut = 1 };
static const mr_use kUses[] = {{kOut, MR_OUTPUT, 0, {"out", 3}}};
static mr_context* kept = NULL;

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_host* host = instance;
  const mr_record record = {event->key, event->value, NULL, 0, -1, -1, 0};
  const mr_record late = {event->key, {"too late", 8}, NULL, 0, -1, -1, 0};
  (void)host->emit(context, kOut, &record);
  if (kept != NULL && kept != context) {
    (void)host->emit(kept, kOut, &late);
    host->because(kept, late.value);
    host->log(kept, 2, late.value);
  }
  kept = context;
  return MR_DONE;
}
static const mr_function kFunction = {
    sizeof kFunction, MR_ABI_MAJOR, MR_ABI_MINOR, 1,      kUses, MinimalOpen,
    MinimalClose,     MinimalStart, MinimalStop,  Handle, NULL,  NULL};

const mr_function* millrace_function(void) { return &kFunction; }
