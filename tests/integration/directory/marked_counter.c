/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the events of each key and emits "MARK:count", so that an output tells which build of the
 * library made it. With EXTRA, one more state that counts as well; with MORE, one more output; with
 * OUTCOME, that is what becomes of every event; with NO_START, no instance starts, after as many
 * milliseconds; with OPENING, open() calls that without end; STATE_VERSIONS are what its note says
 * that it writes and reads. */
#define _POSIX_C_SOURCE 200809L
#include <millrace/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef EXTRA
#define EXTRA_NOTE "use value extra\n"
#else
#define EXTRA_NOTE ""
#endif
#ifdef MORE
#define MORE_NOTE "use output more\n"
#else
#define MORE_NOTE ""
#endif
#ifdef STATE_VERSIONS
#define VERSION_NOTE "state_version " STATE_VERSIONS "\n"
#else
#define VERSION_NOTE
#endif
#ifndef OUTCOME
#define OUTCOME MR_DONE
#endif
MR_NOTE("abi 1.0\nname marked-counter\n" VERSION_NOTE
        "use value total\nuse output out\n" EXTRA_NOTE MORE_NOTE);

enum { kTotal = 1, kOut = 2, kExtra = 3, kMore = 4, kDigits = 32 };
static const mr_use kUses[] = {
    {kTotal, MR_VALUE, 0, {"total", 5}},
    {kOut, MR_OUTPUT, 0, {"out", 3}},
#ifdef EXTRA
    {kExtra, MR_VALUE, 0, {"extra", 5}},
#endif
#ifdef MORE
    {kMore, MR_OUTPUT, 0, {"more", 4}},
#endif
};

static int32_t Open(const mr_host* host, mr_setup* setup, void** library) {
  (void)setup;
#ifdef OPENING
  for (;;) OPENING();
#endif
  *library = (void*)(uintptr_t)host;
  return MR_OK;
}
static void Close(void* library) { (void)library; }
static int32_t Start(void* library, mr_setup* setup, void** instance) {
  *instance = library;
#ifdef NO_START
  const struct timespec wait = {NO_START / 1000, NO_START % 1000 * 1000000};
  nanosleep(&wait, NULL);
  const mr_slice reason = {"no instance today", 17};
  ((const mr_host*)library)->refuse(setup, reason);
  return MR_UNAVAILABLE;
#else
  (void)setup;
  return MR_OK;
#endif
}
static void Stop(void* instance) { (void)instance; }

static long long CountOne(const mr_host* host, mr_context* context, uint32_t state) {
  const mr_slice own = {NULL, 0};
  char text[kDigits] = "0";
  mr_slice stored = {NULL, 0};
  if (host->get(context, state, own, own, &stored) == MR_OK && stored.size < sizeof text) {
    memcpy(text, stored.data, stored.size);
    text[stored.size] = '\0';
  }
  const long long count = strtoll(text, NULL, 10) + 1;
  const int length = snprintf(text, sizeof text, "%lld", count);
  const mr_slice total = {text, (uint64_t)length};
  (void)host->put(context, state, own, own, total); /* a failure fails the event by itself */
  return count;
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_host* host = instance;
  char text[kDigits];
  const long long count = CountOne(host, context, kTotal);
  const int length = snprintf(text, sizeof text, "%d:%lld", MARK, count);
  const mr_slice value = {text, (uint64_t)length};
  const mr_record record = {event->key, value, NULL, 0, -1, -1, 0};
  (void)host->emit(context, kOut, &record);
#ifdef EXTRA
  (void)CountOne(host, context, kExtra);
#endif
#ifdef MORE
  (void)host->emit(context, kMore, &record);
#endif
  return OUTCOME;
}

static const mr_function kFunction = {sizeof kFunction,
                                      MR_ABI_MAJOR,
                                      MR_ABI_MINOR,
                                      sizeof kUses / sizeof kUses[0],
                                      kUses,
                                      Open,
                                      Close,
                                      Start,
                                      Stop,
                                      Handle,
                                      NULL,
                                      NULL};

const mr_function* millrace_function(void) { return &kFunction; }
