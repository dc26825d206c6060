/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled as C11. Compares sizes and offsets of the ABI with the golden file that is the argument;
 * prints the layout and fails where they differ. Members may be appended to mr_host, mr_function
 * and mr_event: such a change adds lines and alters their `size` lines, nothing else. */
#include <millrace/abi.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__STDC_VERSION__ == 201112L, "the ABI is checked as C11");
_Static_assert(sizeof(void*) == 8, "the ABI is for 64-bit machines");
_Static_assert(sizeof(mr_slice) == 16 && sizeof(mr_header) == 32, "frozen");
_Static_assert(sizeof(mr_use) == 32 && sizeof(mr_entry) == 32 && sizeof(mr_record) == 64, "frozen");
_Static_assert(MR_OK == 0 && MR_ABSENT == 1 && MR_NO_KEY == 2 && MR_BAD_ID == 3, "frozen");
_Static_assert(MR_TOO_LARGE == 4 && MR_UNAVAILABLE == 5 && MR_UNSUPPORTED == 6, "frozen");
_Static_assert(MR_BAD_ARGUMENT == 7, "frozen");
_Static_assert(MR_DONE == 0 && MR_RETRY == 1 && MR_DROP == 2, "frozen");
_Static_assert(MR_DEAD_LETTER == 3 && MR_FATAL == 4, "frozen");
_Static_assert(MR_RECORD == 1 && MR_VALUE == 1 && MR_MAP == 2 && MR_OUTPUT == 6, "frozen");

enum { kLayoutBytes = 8192 };
static char layout[kLayoutBytes];

static void Add(const char* name, size_t offset, size_t size) {
  const size_t used = strlen(layout);
  snprintf(layout + used, sizeof layout - used, "%s %zu %zu\n", name, offset, size);
}
#define TYPE(type) Add(#type " size", 0, sizeof(type))
#define MEMBER(type, name) Add(#type "." #name, offsetof(type, name), sizeof(((type*)0)->name))

static void AddData(void) {
  TYPE(mr_slice), MEMBER(mr_slice, data), MEMBER(mr_slice, size);
  TYPE(mr_header), MEMBER(mr_header, name), MEMBER(mr_header, value);
  TYPE(mr_entry), MEMBER(mr_entry, field), MEMBER(mr_entry, value);
  TYPE(mr_event), MEMBER(mr_event, size), MEMBER(mr_event, kind), MEMBER(mr_event, source);
  MEMBER(mr_event, partition), MEMBER(mr_event, attempt), MEMBER(mr_event, offset);
  MEMBER(mr_event, timestamp_ms), MEMBER(mr_event, key), MEMBER(mr_event, value);
  MEMBER(mr_event, headers), MEMBER(mr_event, header_count);
  TYPE(mr_use), MEMBER(mr_use, id), MEMBER(mr_use, kind), MEMBER(mr_use, ttl_ms);
  MEMBER(mr_use, name);
  TYPE(mr_record), MEMBER(mr_record, key), MEMBER(mr_record, value), MEMBER(mr_record, headers);
  MEMBER(mr_record, header_count), MEMBER(mr_record, timestamp_ms);
  MEMBER(mr_record, partition), MEMBER(mr_record, reserved);
}

static void AddTables(void) {
  TYPE(mr_host), MEMBER(mr_host, size), MEMBER(mr_host, major), MEMBER(mr_host, minor);
  MEMBER(mr_host, reserved), MEMBER(mr_host, config), MEMBER(mr_host, refuse);
  MEMBER(mr_host, log), MEMBER(mr_host, because), MEMBER(mr_host, emit), MEMBER(mr_host, get);
  MEMBER(mr_host, put), MEMBER(mr_host, scan), MEMBER(mr_host, now_ms), MEMBER(mr_host, random);
  TYPE(mr_function), MEMBER(mr_function, size), MEMBER(mr_function, major);
  MEMBER(mr_function, minor), MEMBER(mr_function, use_count), MEMBER(mr_function, uses);
  MEMBER(mr_function, open), MEMBER(mr_function, close), MEMBER(mr_function, start);
  MEMBER(mr_function, stop), MEMBER(mr_function, handle), MEMBER(mr_function, handle_batch);
  MEMBER(mr_function, self_test);
}

int main(int count, char** arguments) {
  static char golden[kLayoutBytes];
  AddData();
  AddTables();
  FILE* file = count == 2 ? fopen(arguments[1], "r") : NULL;
  if (file != NULL) {
    golden[fread(golden, 1, sizeof golden - 1, file)] = '\0';
    fclose(file);
  }
  if (strcmp(layout, golden) == 0) return 0;
  fputs(layout, stdout);
  fputs("abi_layout: this layout is not the golden one\n", stderr);
  return 1;
}
