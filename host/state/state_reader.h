// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/slice.h"

namespace millrace::state {

enum class StateKind { kValue, kMap };

// A state that the library declares. Its index in the function's list names it on the record path.
struct StateDecl {
  StateKind kind = StateKind::kValue;
  std::string name;
};

// What to read of one task: a value (field null), a whole map (field null), or one field of a map.
struct ReadItem {
  uint32_t state = 0;  // index of the StateDecl
  Slice key;           // never null
  Slice field;         // null but for one field of a map
};

struct FoundField {
  Slice field;
  Slice value;
};

struct Found {
  enum class What {
    kAbsent,
    kValue,     // a value, or one field of a map
    kMap,       // a whole map: entries
    kLargeMap,  // more than kWholeMapBytesMax: read it by field
  };
  What what = What::kAbsent;
  Slice value;
  uint32_t first_entry = 0;  // into ReadReply::entries
  uint32_t entry_count = 0;
};

// Above this a map is not prefetched whole.
inline constexpr size_t kWholeMapBytesMax = 64 * 1024;

// Writes to values may be left to be made later (the task's redo). Its owner has them in its cache
// and reads nothing that they hide; who is not the owner reads what is committed.
enum class ReadView {
  kOwner,      // the cells as they are
  kCommitted,  // what was left to be made later laid over them, all of it as of one moment
};

using ReadId = uint64_t;

// One answer, item by item in the order asked. Owns the bytes that its slices point to.
struct ReadReply {
  ReadId id = 0;
  Status status = {};  // anything but success: `found` says nothing
  std::vector<Found> found;
  std::vector<FoundField> entries;
  // The task's, as it was after everything else here was read: with the owner's own one, nobody
  // else has written since it acquired. Null: the store does not know the task.
  Slice epoch;
  Arena bytes;
};

// State of one function's tasks, read over a store connection made for one ReadView. Requests are
// pipelined; replies come in the order of the requests. Used by one lane, on its thread.
class StateReader {
 public:
  virtual ~StateReader() = default;
  // Copies what it needs of `items`. Never blocks. Always answered, with an error if need be.
  virtual ReadId StartRead(int32_t partition, std::span<const ReadItem> items) = 0;
  // Takes the next finished read; false when there is none. `reply` is overwritten.
  virtual bool PollRead(ReadReply* reply) = 0;
  // Blocks for one round trip, at most the store's time-out. The lane counts every call.
  virtual ReadReply ReadNow(int32_t partition, std::span<const ReadItem> items) = 0;
  // Blocks for as many round trips as the map has pages. The whole map, whatever its size.
  virtual ReadReply ReadWholeMapNow(int32_t partition, uint32_t state, Slice key) = 0;
};

}  // namespace millrace::state
