// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "state/entry.h"

namespace millrace::state {

struct CacheCounts {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t evictions = 0;
};

// The budget in bytes that all tasks of a lane share, and who leaves when it is exceeded: an entry
// that has not been used since it was last passed over (the clock algorithm, which comes close to
// least recently used and costs one bit per use instead of a move in a list). Entries with pins are
// passed over; while they alone exceed the budget, it is exceeded (bounded by the units in flight,
// and by half the budget that entries may take which the redo holds).
// One lane, its thread; outlives the TaskStates that use it.
class Cache {
 public:
  explicit Cache(size_t bytes_max) : bytes_max_(bytes_max) {}
  ~Cache() { entries_.clear(); }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  void Add(Entry* entry);
  void Remove(Entry* entry);
  void Charge(Entry* entry, size_t bytes);  // the entry now takes so many bytes
  // What the redo has of the entry has changed. While it has anything, the entry counts as held.
  void SetInRedo(Entry* entry, InRedo in_redo);
  void EvictOverBudget();

  size_t bytes() const { return bytes_; }
  // Entries that the redo holds take more than their share: they leave room for no others.
  bool HoldsTooMuch() const { return held_bytes_ > bytes_max_ / 2; }
  const CacheCounts& counts() const { return counts_; }
  CacheCounts& counts() { return counts_; }

 private:
  boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>>
      entries_;       // the next to look at is first
  size_t count_ = 0;  // of entries_
  size_t bytes_max_;
  size_t bytes_ = 0;
  size_t held_bytes_ = 0;  // of bytes_, by the redo
  CacheCounts counts_;
};

}  // namespace millrace::state
