// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace millrace::function {

struct CheckedCopy;

enum class GenerationState {
  kAdmitted,  // opened; no lane runs it yet
  kRefused,   // never ran: the library, its open() or its start() did not allow it
  kRunning,
  kDraining,  // some lanes still run it while others have taken the next one
  kRetired,   // gave way to another one
};
inline constexpr size_t kGenerationStates = 5;
const char* Name(GenerationState state);  // "admitted", ...

// How a change of generation ended.
enum class SwapResult { kSwapped, kRefused, kRolledBack, kRolledBackForErrors };
inline constexpr size_t kSwapResults = 4;
const char* Name(
    SwapResult result);  // "swapped", "refused", "rolled-back", "rolled-back-for-errors"

// One library that came for a function, and what became of it.
struct GenerationRecord {
  int number = 0;      // 0: it was refused before it got one
  std::string hash12;  // empty: it was refused before it was read as a whole
  GenerationState state = GenerationState::kAdmitted;
  std::string reason;         // why it was refused or rolled back
  int64_t since_unix_ms = 0;  // in this state
};

// The generations of one function that this process has met, for people and for rollback. Pure: no
// clock, no I/O. A value; one thread.
class Generations {
 public:
  static constexpr size_t kRecordsMax = 50;  // the oldest that do not run are forgotten

  int next_number() const { return next_number_; }

  // A library was opened, as generation next_number().
  void Admit(const std::string& hash12, std::shared_ptr<const CheckedCopy> library, int64_t now_ms);
  // A library was refused before it got a number.
  void Refuse(const std::string& hash12, const std::string& reason, int64_t now_ms);
  // A generation that was admitted does not start.
  void RefuseAdmitted(int number, const std::string& reason, int64_t now_ms);
  // It ran, and is replaced by `to` because somebody, or its errors, wanted so.
  void RollBack(int number, int to, const std::string& reason, SwapResult result, int64_t now_ms);

  // What the lanes run now. `current` is what they are meant to run, 0: nothing.
  void Observe(int current, const std::set<int>& on_lanes, int64_t now_ms);

  // Where a rollback from `current` leads: to generation `to`, or without it to the one that ran
  // last before. An error says why it leads nowhere.
  struct Target {
    int number = 0;
    std::string hash12;
    std::shared_ptr<const CheckedCopy> library;
  };
  Result<Target> Former(int current, std::optional<int> to) const;

  std::vector<GenerationRecord> Records() const;  // the oldest first
  const std::array<uint64_t, kSwapResults>& swaps() const { return swaps_; }

 private:
  struct Entry {
    GenerationRecord record;
    std::shared_ptr<const CheckedCopy> library;
    bool ran = false;
    bool rolled_back = false;
  };

  Entry* Find(int number);
  void Enter(Entry* entry, GenerationState state, int64_t now_ms);
  void Add(Entry entry);

  int next_number_ = 1;
  std::deque<Entry> entries_;
  int running_ = 0;  // the last one that was meant and ran
  std::array<uint64_t, kSwapResults> swaps_{};
};

}  // namespace millrace::function
