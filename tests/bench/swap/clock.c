/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a count per key and emits it, and writes down when its instance had its first and its last
 * event: lines "first NANOSECONDS" and "last NANOSECONDS" of the monotonic clock, appended to the
 * file of its config's `times`. MARK makes the builds differ. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <millrace/abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

MR_NOTE("abi 1.0\nname clock\nuse value total\nuse output out\n");

enum { kTotal = 1, kOut = 2, kDigits = 32, kLine = 64, kMark = MARK };
static const mr_use kUses[] = {
    {kTotal, MR_VALUE, 0, {"total", 5}},
    {kOut, MR_OUTPUT, 0, {"out", 3}},
};

typedef struct {
  const mr_host* host;
  int times; /* descriptor */
  int64_t last_ns;
} Instance;

static int64_t NowNs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void Note(const Instance* instance, const char* what, int64_t ns) {
  char line[kLine];
  const int length = snprintf(line, sizeof line, "%s %lld\n", what, (long long)ns);
  if (write(instance->times, line, (size_t)length) != length) abort();
}

static int32_t Open(const mr_host* host, mr_setup* setup, void** library) {
  (void)setup;
  *library = (void*)(uintptr_t)host;
  return MR_OK;
}
static void Close(void* library) { (void)library; }

static int32_t Start(void* library, mr_setup* setup, void** instance) {
  const mr_host* host = library;
  char path[4096];
  mr_slice times;
  const mr_slice name = {"times", 5};
  if (host->config(setup, name, &times) != MR_OK || times.size >= sizeof path) {
    const mr_slice reason = {"config needs times: a file", 26};
    host->refuse(setup, reason);
    return MR_BAD_ARGUMENT;
  }
  memcpy(path, times.data, times.size);
  path[times.size] = '\0';
  Instance* made = calloc(1, sizeof *made);
  if (made == NULL) return MR_UNAVAILABLE;
  made->host = host;
  made->times = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (made->times < 0) {
    free(made);
    return MR_UNAVAILABLE;
  }
  *instance = made;
  return MR_OK;
}

static void Stop(void* instance) {
  Instance* ended = instance;
  if (ended->last_ns != 0) Note(ended, "last", ended->last_ns);
  close(ended->times);
  free(ended);
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  Instance* self = instance;
  const mr_host* host = self->host;
  const mr_slice own = {NULL, 0};
  char text[kDigits] = "0";
  mr_slice stored = {NULL, 0};
  const int64_t now_ns = NowNs();
  if (self->last_ns == 0) Note(self, "first", now_ns);
  self->last_ns = now_ns;
  if (host->get(context, kTotal, own, own, &stored) == MR_OK && stored.size < sizeof text) {
    memcpy(text, stored.data, stored.size);
    text[stored.size] = '\0';
  }
  const int length = snprintf(text, sizeof text, "%lld", strtoll(text, NULL, 10) + 1);
  const mr_slice total = {text, (uint64_t)length};
  const mr_record record = {event->key, total, NULL, 0, -1, -1, 0};
  (void)host->put(context, kTotal, own, own, total);
  (void)host->emit(context, kOut, &record);
  return MR_DONE;
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

/* So that the builds differ even where the compiler finds them alike. */
__attribute__((used)) static const char kBuild[] = {'0' + kMark, 0};

const mr_function* millrace_function(void) { return &kFunction; }
