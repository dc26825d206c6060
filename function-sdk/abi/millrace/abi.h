/* SPDX-License-Identifier: Apache-2.0 */
/* The millrace function ABI 1.2: the line between a host and a function library, in plain C11.
 *
 * A library is an ELF shared object that exports one symbol, millrace_function, and carries one
 * note (MR_NOTE below). It is native code that its host trusts: this line is no sandbox.
 *
 * Growth      Members are only ever appended to mr_host, mr_function and mr_event; a member may be
 *             used only if the table's `size` covers it. Every other struct is frozen. Another
 * major is refused with both numbers. Ownership   Every pointer is borrowed until the call that it
 * was passed to, or got from, returns; exceptions are named where they are. The host copies what it
 * is given. Nothing is ever freed across the line. Threads     open() and close() run once per
 * loaded library and function; in between, the library object is shared and read-only. An instance
 * is used by one thread at a time and never re-entered. A context belongs to the thread that the
 * handler was called on. Failure     int32_t results are an MR_ status or outcome. Nothing may be
 * thrown across the line.
 */
#ifndef MILLRACE_ABI_H_
#define MILLRACE_ABI_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MR_ABI_MAJOR 1u
#define MR_ABI_MINOR 2u

/* Bytes. data == NULL is null: no key, a tombstone, nothing stored, "the event's own key". Empty
 * bytes have a non-NULL data and size 0. Not NUL-terminated. */
typedef struct mr_slice {
  const char* data;
  uint64_t size;
} mr_slice;

typedef struct mr_header {
  mr_slice name;
  mr_slice value; /* may be null */
} mr_header;

typedef struct mr_entry {
  mr_slice field;
  mr_slice value;
} mr_entry;

typedef struct mr_setup mr_setup;     /* the host's; valid during one open() or start() */
typedef struct mr_context mr_context; /* the host's; the effects of one event, valid until its
                                         handler returns */

/* Status of a host call. Anything but MR_OK and MR_ABSENT fails the event even if the handler goes
 * on and returns MR_DONE; the outcome then is the one named beside the status. */
#define MR_OK 0
#define MR_ABSENT 1      /* nothing there */
#define MR_NO_KEY 2      /* own key asked for, but the event has none: MR_DEAD_LETTER */
#define MR_BAD_ID 3      /* id not declared, or declared as another kind: MR_FATAL */
#define MR_TOO_LARGE 4   /* a key, value or the sum of effects is over a limit: MR_DEAD_LETTER */
#define MR_UNAVAILABLE 5 /* the state store is away: MR_RETRY */
#define MR_UNSUPPORTED 6 /* this host lacks it: MR_FATAL */
#define MR_BAD_ARGUMENT \
  7 /* a field for a value, none for a map, no such partition: MR_DEAD_LETTER */

/* Outcome of an event. Any other number counts as MR_FATAL. */
#define MR_DONE 0        /* keep the effects */
#define MR_RETRY 1       /* drop the effects and call again later */
#define MR_DROP 2        /* drop the effects and the event, count it */
#define MR_DEAD_LETTER 3 /* drop the effects and give the event up, whole and with the reason */
#define MR_FATAL 4       /* drop the effects and stop the function */

/* Kinds of event. Reserved: 2 HTTP request, 3 timer, 4 schedule tick. */
#define MR_RECORD 1u

/* What happened. Everything that it points to is valid until the handler returns. */
typedef struct mr_event {
  uint32_t size;
  uint32_t kind;
  mr_slice source;      /* the topic */
  int32_t partition;    /* -1 when it has none */
  uint32_t attempt;     /* 1 = first time */
  int64_t offset;       /* -1 when it has none */
  int64_t timestamp_ms; /* event time, milliseconds since the Unix epoch */
  mr_slice key;
  mr_slice value; /* null is a tombstone */
  const mr_header* headers;
  uint64_t header_count;
} mr_event;

/* Kinds of use. Reserved, refused by name until they exist: 3 list, 4 counter, 5 set. */
#define MR_VALUE 1u
#define MR_MAP 2u
#define MR_OUTPUT 6u

/* One state or output that the library uses. `id` is the library's own choice, unique in the
 * library. `name` is unique per kind: [a-z0-9][a-z0-9_-]{0,62}. */
typedef struct mr_use {
  uint32_t id;
  uint32_t kind;
  int64_t ttl_ms; /* reserved for time-to-live; anything but 0 is refused */
  mr_slice name;
} mr_use;

/* A record to emit. */
typedef struct mr_record {
  mr_slice key;   /* null writes a null key */
  mr_slice value; /* null writes a tombstone */
  const mr_header* headers;
  uint64_t header_count;
  int64_t timestamp_ms; /* -1 = the event's */
  int32_t partition;    /* -1 = murmur2 of the key; without a key: input partition modulo count */
  uint32_t reserved;    /* 0 */
} mr_record;

/* What a library may call. The table is valid from open() until close() returns. Timers, counters,
 * lists and sets are appended when they exist. */
typedef struct mr_host {
  uint32_t size;
  uint32_t major;
  uint32_t minor;
  uint32_t reserved;

  /* open() and start() only.
   * config: the function's `config:` at a dotted path such as "window.size": a scalar as text, a
   * subtree as JSON. MR_OK or MR_ABSENT. `out` is valid until the open() or start() returns.
   * refuse: why the open() or start() is about to fail; the last one counts. */
  int32_t (*config)(mr_setup* setup, mr_slice path, mr_slice* out);
  void (*refuse)(mr_setup* setup, mr_slice reason);

  /* Handlers only, all that follow.
   * log: level 0 debug, 1 info, 2 warning, 3 error. The host adds the event's coordinates.
   * because: why the outcome is not MR_DONE; the last one counts. */
  void (*log)(mr_context* context, uint32_t level, mr_slice text);
  void (*because)(mr_context* context, mr_slice reason);

  int32_t (*emit)(mr_context* context, uint32_t output, const mr_record* record);

  /* State of the event's partition, with this event's and earlier events' writes. A null `key` is
   * the event's own. `field` is null for a value and names the entry of a map. get: MR_OK or
   * MR_ABSENT. For a declared state, `out` is valid until the handler returns, whatever is written
   * meanwhile. put: a null value erases; for a map, a null field with a null value erases the whole
   * map. scan: entries of a map with fields after `after` (null = from the first), in byte order,
   * at most `max`; *count < max says that there are no more. The entries stay valid like those of
   * get. */
  int32_t (*get)(mr_context* context, uint32_t state, mr_slice key, mr_slice field, mr_slice* out);
  int32_t (*put)(mr_context* context, uint32_t state, mr_slice key, mr_slice field, mr_slice value);
  int32_t (*scan)(mr_context* context, uint32_t state, mr_slice key, mr_slice after, mr_entry* out,
                  uint64_t max, uint64_t* count);

  /* The event's time, the same on every re-run; handlers read no clock of their own. */
  int64_t (*now_ms)(mr_context* context);

  /* Since 1.1. The next of the event's random numbers: a sequence that function, topic, partition
   * and offset decide, so the same on every re-run. Anybody can compute it: not for secrets. */
  uint64_t (*random)(mr_context* context);
} mr_host;

/* What a library is. The table and all that it points to live as long as the library is loaded.
 * Order of calls: open, start (per lane), handle and handle_batch, stop, close. A host that dies
 * calls neither stop nor close. `setup` lets both open() and start() read the config, so that a
 * library need not keep a copy. */
typedef struct mr_function {
  uint32_t size;
  uint32_t major;
  uint32_t minor;
  uint32_t use_count;
  const mr_use* uses;

  /* MR_OK, or any other status: the function is refused with the text given to mr_host.refuse, and
   * close() is not called. */
  int32_t (*open)(const mr_host* host, mr_setup* setup, void** library);
  void (*close)(void* library);

  /* One instance, on the thread that will use it. Fails as open() does; stop() is then not called.
   */
  int32_t (*start)(void* library, mr_setup* setup, void** instance);
  void (*stop)(void* instance);

  /* One event: its outcome. Never NULL. */
  int32_t (*handle)(void* instance, mr_context* context, const mr_event* event);

  /* NULL, or what is called instead of handle for `count` events of one partition, in order: event
   * i has contexts[i], and its outcome goes to outcomes[i]. Of a function with state, the effects
   * before the first outcome that is not MR_DONE are kept; the events after that one are given
   * again. */
  void (*handle_batch)(void* instance, uint64_t count, mr_context* const* contexts,
                       const mr_event* const* events, int32_t* outcomes);

  /* Since 1.2. NULL, or a test that the library makes of itself before anything else, in a process
   * that ends after it: MR_OK, or any other status, which refuses the library with the text given
   * to mr_host.refuse. There is no config; of `host` only refuse and config may be called. A host
   * bounds its time. */
  int32_t (*self_test)(const mr_host* host, mr_setup* setup);
} mr_function;

/* The one exported symbol. Called once after loading; NULL or a table of another major is refused.
 */
__attribute__((visibility("default"))) const mr_function* millrace_function(void);

/* The note: ELF section .note.millrace, owner "millrace", type 1, readable without loading. Its
 * text (the size includes the closing NUL) is made of lines, each a word and its arguments: abi 1.0
 * first; required name page-edits                            suggested name of the function
 *   state_version 2 1                          of what it writes, and the oldest that it reads
 *   use value pages                            a state or output: value, map or output, and its
 * name trigger kafka topic=a topic=b start=latest suggested trigger A line with another first word
 * comes from a later minor version and is ignored. A `use` says the same as the table. */
#define MR_NOTE_SECTION ".note.millrace"
#define MR_NOTE_OWNER "millrace"
#define MR_NOTE_TYPE 1u

#ifdef __cplusplus
}
#else
/* For libraries in C: MR_NOTE("abi 1.0\nname counter\n..."); once, at file scope. */
#define MR_NOTE(lines)                                                              \
  __attribute__((section(MR_NOTE_SECTION), used, aligned(4))) static const struct { \
    uint32_t owner_size, size, type;                                                \
    char owner[12];                                                                 \
    char text[(sizeof(lines) + 3) / 4 * 4];                                         \
  } mr_note = {sizeof(MR_NOTE_OWNER), sizeof(lines), MR_NOTE_TYPE, MR_NOTE_OWNER, lines}
#endif

#endif
