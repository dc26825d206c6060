// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/container/string.hpp>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/slice.h"

namespace millrace::state {

class TaskState;

// Bytes of which up to 23 lie in the object itself: most keys and counters then cost no second
// cache miss, which is what the record path spends its time on.
using InlineBytes = boost::container::string;
inline Slice ViewOf(const InlineBytes& bytes) { return {bytes.data(), bytes.size()}; }

// One field of a cached map. A null value is known to be absent.
struct Field {
  OwnedBytes value;
  bool dirty = false;  // written, and in no closed unit yet
};

using Fields = std::map<std::string, Field, std::less<>>;

// What is known of one map. Fields that are not here are absent if `whole`, otherwise unknown.
struct MapContent {
  Fields fields;
  size_t bytes = 0;  // of the fields' names and values
  bool whole = false;
  bool erase_dirty = false;                // erased as a whole, and in no closed unit yet
  std::vector<Fields::value_type*> dirty;  // the fields with dirty = true
};

// What the redo of the task has of a value (state/deferrals.h).
enum class InRedo : uint8_t {
  kNo,
  kWaiting,  // its newest value, which the cell in the store does not have
  kWritten,  // older values; the cell has the newest
};

// One key of one state, as the cache holds it. Lives in its TaskState; an entry with pins is never
// evicted.
struct Entry : boost::intrusive::list_base_hook<> {
  TaskState* owner = nullptr;
  uint32_t state = 0;
  uint32_t pins = 0;     // batches that wait to run, units without acknowledgement
  int32_t pending = -1;  // newest write of the running call, index into CallWrites; -1 = none
  bool known = false;    // false: must be read before a handler sees it
  bool loading = false;  // a read is in flight
  bool present = false;  // values only
  bool dirty = false;    // counted in the open unit
  bool used = false;     // since the cache last passed over it
  bool written = false;  // values only: the cell in the store, at written_ms
  InRedo in_redo = InRedo::kNo;
  uint32_t written_ms = 0;   // of the lane's clock, from which it is cut off
  uint64_t written_seq = 0;  // of kWritten: the unit that wrote the cell
  size_t charged_bytes = 0;
  InlineBytes key;
  InlineBytes value;
  std::unique_ptr<MapContent> map;  // maps only
};

}  // namespace millrace::state
