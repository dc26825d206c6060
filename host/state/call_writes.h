// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/arena.h"
#include "state/entry.h"

namespace millrace::state {

// One write that a handler asked for and that nothing has accepted yet.
struct PendingWrite {
  Entry* entry = nullptr;
  uint32_t event = 0;     // index within the call
  int32_t previous = -1;  // the write to the same entry before this one, or -1
  Slice field;            // null: a value, or a map as a whole
  Slice value;            // null: erase
};

// The writes of one call of a handler, for one event or a batch, on top of what the cache holds.
// Kept in call order, so that a prefix of the events can be accepted and the rest dropped. Entries
// are not touched before that: what a handler has read stays where it is until the call is over.
class CallWrites {
 public:
  void Add(Entry* entry, uint32_t event, Slice field, Slice value);
  // The write to the entry (to `field` of it, or to the map as a whole) that `event` sees: its own
  // newest, else that of the nearest earlier event, in whatever order a batch handler made them.
  const PendingWrite* Find(const Entry& entry, uint32_t event, Slice field) const;
  // Every write to the entry that `event` may see, in the order in which they will be accepted.
  std::vector<const PendingWrite*> Visible(const Entry& entry, uint32_t event) const;
  const PendingWrite* Newest(const Entry& entry) const {
    return entry.pending < 0 ? nullptr : &writes_[static_cast<size_t>(entry.pending)];
  }
  const PendingWrite* Previous(const PendingWrite& write) const {
    return write.previous < 0 ? nullptr : &writes_[static_cast<size_t>(write.previous)];
  }
  void SortByEvent();  // keeps the order within an event; ends lookups
  size_t CountFrom(size_t first, uint32_t event) const;  // writes of `event`, from all()[first] on
  const std::vector<PendingWrite>& all() const { return writes_; }
  size_t bytes() const { return bytes_.used_bytes(); }
  void Clear();

 private:
  std::vector<PendingWrite> writes_;
  bool in_order_ = true;
  Arena bytes_;
};

}  // namespace millrace::state
