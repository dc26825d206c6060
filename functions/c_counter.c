/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the events of each key, in C: the ABI without the SDK. */
#include <millrace/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MR_NOTE("abi 1.0\nname c-counter\nstate_version 1 1\nuse value total\nuse output totals\n");

enum { kTotal = 1, kTotals = 2, kDigits = 24 };
static const mr_use kUses[] = {{kTotal, MR_VALUE, 0, {"total", 5}},
                               {kTotals, MR_OUTPUT, 0, {"totals", 6}}};

/* Nothing of its own to keep: library and instance are the host's table. */
static int32_t Open(const mr_host* host, mr_setup* setup, void** library) {
  (void)setup;
  *library = (void*)(uintptr_t)host;
  return MR_OK;
}
static void Close(void* library) { (void)library; }
static int32_t Start(void* library, mr_setup* setup, void** instance) {
  (void)setup;
  *instance = library;
  return MR_OK;
}
static void Stop(void* instance) { (void)instance; }

/* After a host call that failed there is nothing to decide: the host settles the event by its
 * status. */
enum { kByStatus = MR_DONE };

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_host* host = instance;
  const mr_slice own = {NULL, 0};
  char text[kDigits] = "0";
  mr_slice stored = {NULL, 0};
  const int32_t status = host->get(context, kTotal, own, own, &stored);
  if (status != MR_OK && status != MR_ABSENT) return kByStatus;
  if (stored.size >= sizeof text) return MR_FATAL; /* not what this function wrote */
  if (status == MR_OK) {
    memcpy(text, stored.data, stored.size);
    text[stored.size] = '\0';
  }
  const int length = snprintf(text, sizeof text, "%lld", strtoll(text, NULL, 10) + 1);
  const mr_slice total = {text, (uint64_t)length};
  if (host->put(context, kTotal, own, own, total) != MR_OK) return kByStatus;
  const mr_record record = {event->key, total, NULL, 0, -1, -1, 0};
  if (host->emit(context, kTotals, &record) != MR_OK) return kByStatus;
  return MR_DONE;
}

/* By name, so that a member of a later SDK is NULL by itself. */
static const mr_function kFunction = {.size = sizeof kFunction,
                                      .major = MR_ABI_MAJOR,
                                      .minor = MR_ABI_MINOR,
                                      .use_count = 2,
                                      .uses = kUses,
                                      .open = Open,
                                      .close = Close,
                                      .start = Start,
                                      .stop = Stop,
                                      .handle = Handle};

const mr_function* millrace_function(void) { return &kFunction; }
