// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/slice.h"
#include "commit/packed.h"
#include "model/aside.h"
#include "model/record.h"

namespace millrace::commit {

// What lies aside beyond this many records of a task is counted and not listed.
inline constexpr size_t kAsideListedMax = 1'000;

// A record that was put aside, whole, and why.
struct AsideRecord {
  std::string_view kind;    // kAsideCrash
  std::string_view reason;  // in words
  std::string_view hash12;  // of the library that could not handle it
  uint64_t count = 0;       // how often it was tried
  int64_t when_ms = 0;      // put aside; Unix epoch
  int64_t timestamp_ms = 0;
  Slice key;    // null: no key
  Slice value;  // null: tombstone
  std::span<const HeaderView> headers;
};

// One entry as a unit brings it to the store: under its name, in the step that moves `applied`
// beyond it.
struct AsideEntry {
  AsideName name;
  std::string packed;
  std::string reason = {};  // as it is packed, for who is told
};

// "<kind> <topic> <offset>", the field that an entry is kept under.
std::string TextOf(const AsideName& name);
// Absent: not such a field.
std::optional<AsideName> AsideNameOf(std::string_view text);

// Packs one record, binary-safe.
//
//   entry   u8 format (1), text kind, text reason, text hash12, count, ±when, ±timestamp,
//           bytes key, bytes value, headers
//
// Numbers, text, bytes and headers as commit/packed.h has them.
std::string Pack(const AsideRecord& record);

// Reads a packed entry, which is not trusted. The record borrows from the reader and from `packed`,
// which outlives it.
class AsideReader {
 public:
  explicit AsideReader(Slice packed);
  AsideReader(const AsideReader&) = delete;  // the record points into it
  AsideReader& operator=(const AsideReader&) = delete;
  bool damaged() const { return in_.damaged(); }
  const AsideRecord& record() const { return record_; }

 private:
  Unpacker in_;
  std::vector<HeaderView> headers_;
  AsideRecord record_;
};

}  // namespace millrace::commit
