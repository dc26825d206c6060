/* SPDX-License-Identifier: Apache-2.0 */
/* A library for the tests of host/function; each macro that is set from outside is one defect. */
#define _POSIX_C_SOURCE 200809L
#include <millrace/abi.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef LIBRARY_TEXT
#define LIBRARY_TEXT "good"
#endif
#ifndef NOTE_ABI
#define NOTE_ABI "1.0"
#endif
#ifndef NOTE_KIND
#define NOTE_KIND "value"
#endif
#ifndef TABLE_KIND
#define TABLE_KIND MR_VALUE
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(mr_function)
#endif
#ifndef TABLE_MAJOR
#define TABLE_MAJOR MR_ABI_MAJOR
#endif
#ifndef TABLE_MINOR
#define TABLE_MINOR MR_ABI_MINOR
#endif
#ifndef TTL_MS
#define TTL_MS 0
#endif
#ifndef OUTPUT_ID
#define OUTPUT_ID 2
#endif
#ifndef STATE_NAME
#define STATE_NAME "seen"
#endif

#ifndef WITHOUT_NOTE
MR_NOTE("abi " NOTE_ABI "\nname tester\nstate_version 2 1\nuse " NOTE_KIND
        " seen\n"
        "use output counts\ntrigger kafka topic=edits topic=more start=latest\n");
#endif

/* What a process that loads the library goes through: CONSTRUCTOR as it is loaded, IN_ENTRY when it
 * is asked for the table. */
#if defined(CONSTRUCTOR) || defined(IN_ENTRY) || defined(IN_SELF_TEST)
#define MAYBE_UNUSED __attribute__((unused)) static

MAYBE_UNUSED void nothing(void) {}
MAYBE_UNUSED void hang(void) {
  for (;;) pause();
}
MAYBE_UNUSED void end(void) { _exit(0); }
MAYBE_UNUSED void fail(void) {
  puts("out of cheese");
  fflush(stdout);
  abort();
}
MAYBE_UNUSED void talk(void) {
  for (int i = 0; i < 200000; ++i) puts("word");
}
MAYBE_UNUSED void leave_a_child(void) {
  const pid_t child = fork();
  if (child == 0) hang();
  fprintf(stderr, "child %d\n", (int)child);
}
#endif
#ifdef CONSTRUCTOR
__attribute__((constructor)) static void construct(void) { CONSTRUCTOR(); }
#endif

#ifdef CALLS_UNDEFINED
int nobody_defines_this(void);
#endif

static const mr_use kUses[] = {{1, TABLE_KIND, TTL_MS, {STATE_NAME, sizeof(STATE_NAME) - 1}},
                               {OUTPUT_ID, MR_OUTPUT, 0, {"counts", 6}}};

struct object {
  const mr_host* host;
  const char* text;
  int instances;
};

/* One function at a time opens it in these tests. */
static struct object the_object;

static mr_slice text_of(const char* text) {
  mr_slice slice = {text, 0};
  while (text[slice.size]) ++slice.size;
  return slice;
}

/* config: "refuse" is the reason to refuse with, "fail" lets open fail without one, "refuse_start"
 * the reason of start. */
static int32_t object_open(const mr_host* host, mr_setup* setup, void** library) {
  mr_slice value;
  if (host->config(setup, text_of("refuse"), &value) == MR_OK) {
    host->refuse(setup, value);
    return MR_FATAL;
  }
  if (host->config(setup, text_of("fail"), &value) == MR_OK) return 77;
  the_object.host = host;
  the_object.text = LIBRARY_TEXT;
  *library = &the_object;
  return MR_OK;
}

static void object_close(void* library) { ((struct object*)library)->text = NULL; }

static int32_t instance_start(void* library, mr_setup* setup, void** instance) {
  struct object* object = library;
  mr_slice value;
  if (object->host->config(setup, text_of("refuse_start"), &value) == MR_OK) {
    object->host->refuse(setup, value);
    return MR_FATAL;
  }
  ++object->instances;
  *instance = object;
  return MR_OK;
}

static void instance_stop(void* instance) { --((struct object*)instance)->instances; }

static int32_t instance_handle(void* instance, mr_context* context, const mr_event* event) {
  (void)instance;
  (void)context;
  (void)event;
#ifdef CALLS_UNDEFINED
  return nobody_defines_this();
#else
  return MR_DONE;
#endif
}

#ifdef IN_SELF_TEST
static int32_t self_test(const mr_host* host, mr_setup* setup) {
  mr_slice out;
  if (host->config(setup, (mr_slice){"any", 3}, &out) != MR_ABSENT) abort();
  IN_SELF_TEST();
  host->refuse(setup, (mr_slice){"two and two is five", 19});
  return MR_FATAL;
}
#else
#define self_test NULL
#endif

static const mr_function kTable = {TABLE_SIZE,    TABLE_MAJOR, TABLE_MINOR,  2,
                                   kUses,         object_open, object_close, instance_start,
                                   instance_stop,
#ifdef WITHOUT_HANDLE
                                   NULL,
#else
                                   instance_handle,
#endif
                                   NULL,          self_test};

#ifdef WITHOUT_SYMBOL
__attribute__((visibility("default"))) const mr_function* another_name(void);
const mr_function* another_name(void) { return &kTable; }
#else
const mr_function* millrace_function(void) {
#ifdef IN_ENTRY
  IN_ENTRY();
#endif
#ifdef WITHOUT_TABLE
  (void)kTable;
  return NULL;
#else
  return &kTable;
#endif
}
#endif

#if defined(WITHOUT_HANDLE)
const void* unused_handle(void);
const void* unused_handle(void) { return (const void*)(uintptr_t)instance_handle; }
#endif
