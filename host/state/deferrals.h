// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/clock.h"
#include "state/cache.h"
#include "state/entry.h"

namespace millrace::state {

// How writes to values are spread over units, and what a unit may write.
struct WriteLimits {
  Millis write_interval{0};       // a cell is written at most once in it, if it can be avoided
  size_t redo_bytes_max = 0;      // of a task's redo; above it nothing more is deferred
  size_t effects_max = SIZE_MAX;  // cells that a unit writes
  size_t bytes_max = SIZE_MAX;    // of those
};

// Which values of one task the redo has. A value that changes again soon after its cell in the
// store was written is deferred: it goes into the redo entry of its unit only. Later, after
// `write_interval` at most if units are closed, a unit writes its present value to the cell, and
// once everything in the oldest entries is in the cells, a unit trims them. The order is that of
// the entries, so one look at the front tells what may be trimmed.
//
// This keeps the invariant of the redo (commit/redo.h):
//   - a value that any entry has is held: it is in every later entry whose unit changes it, until
//     the entries that have it are trimmed. Held entries of the cache are pinned, so the owner
//     never reads a cell that is behind, nor forgets that the redo has it;
//   - a value that is not held is written to its cell directly.
// One lane, its thread.
class Deferrals {
 public:
  // A time, and what of it an entry keeps.
  struct Moment {
    explicit Moment(SteadyTime now)
        : at(now),
          ms(static_cast<uint32_t>(
              std::chrono::duration_cast<Millis>(now.time_since_epoch()).count())) {}
    SteadyTime at;
    uint32_t ms;
  };

  explicit Deferrals(Cache* cache) : cache_(cache) {}

  // Whether the change of a value goes into the entry of the unit; it is held from then on.
  bool Defer(Entry* entry, uint64_t seq, const Moment& now, const WriteLimits& limits);
  // The cell is written by the unit that is being closed.
  static void MarkWritten(Entry* entry, const Moment& now);
  // A former owner's entry has it.
  void TakeOver(Entry* entry, uint64_t seq, SteadyTime now);

  // The next value whose cell the unit is to write now; null: none is due. `all`: due or not.
  enum class Due { kNow, kAll };
  Entry* WriteNext(uint64_t seq, const Moment& now, const WriteLimits& limits, Due due);

  // After that: whether the unit needs an entry at all, how many bytes it has, and which ones are
  // trimmed with the unit. `released`: no longer held; their pins are the caller's now.
  bool NeedsEntry(uint64_t seq) const { return TrimmedTo(seq) < seq; }
  void AddEntry(uint64_t seq, size_t bytes);
  void Trim(uint64_t seq, std::vector<uint64_t>* trimmed, std::vector<Entry*>* released);

  bool any_waiting() const { return !waiting_.empty(); }
  // When the first value is to be written to its cell; max: none waits.
  SteadyTime DueAt(Millis write_interval) const;
  bool TooMuch(const WriteLimits& limits) const {
    return redo_bytes_ > limits.redo_bytes_max || cache_->HoldsTooMuch();
  }

 private:
  struct Waiting {
    Entry* entry = nullptr;
    uint64_t seq = 0;  // of the first entry with a value that the cell has not
    SteadyTime since;
  };
  struct Written {
    Entry* entry = nullptr;
    uint64_t seq = 0;  // of the unit that wrote the cell
  };
  struct Kept {
    uint64_t seq = 0;
    size_t bytes = 0;
  };

  void Wait(Entry* entry, uint64_t seq, SteadyTime now);
  // Everything that entries up to it have is in the cells, once the unit `seq` is applied.
  uint64_t TrimmedTo(uint64_t seq) const {
    return waiting_.empty() ? seq : waiting_.front().seq - 1;
  }

  Cache* cache_;
  std::deque<Waiting> waiting_;  // each entry once, by seq
  std::deque<Written> written_;  // by seq; the last of an entry counts
  std::deque<Kept> redo_;        // not trimmed yet, by seq
  size_t redo_bytes_ = 0;
};

}  // namespace millrace::state
