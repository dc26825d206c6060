// SPDX-License-Identifier: Apache-2.0
#include "function/generations.h"

#include <algorithm>
#include <utility>

namespace millrace::function {

const char* Name(GenerationState state) {
  switch (state) {
    case GenerationState::kAdmitted:
      return "admitted";
    case GenerationState::kRefused:
      return "refused";
    case GenerationState::kRunning:
      return "running";
    case GenerationState::kDraining:
      return "draining";
    case GenerationState::kRetired:
      return "retired";
  }
  return "unknown";
}

const char* Name(SwapResult result) {
  switch (result) {
    case SwapResult::kSwapped:
      return "swapped";
    case SwapResult::kRefused:
      return "refused";
    case SwapResult::kRolledBack:
      return "rolled-back";
    case SwapResult::kRolledBackForErrors:
      return "rolled-back-for-errors";
  }
  return "unknown";
}

Generations::Entry* Generations::Find(int number) {
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(), [number](const Entry& entry) {
    return number != 0 && entry.record.number == number;
  });
  return found == entries_.rend() ? nullptr : &*found;
}

void Generations::Enter(Entry* entry, GenerationState state, int64_t now_ms) {
  if (entry->record.state == state) return;
  entry->record.state = state;
  entry->record.since_unix_ms = now_ms;
}

// Forgets the oldest record that does not run, if there are too many.
void Generations::Add(Entry entry) {
  entries_.push_back(std::move(entry));
  if (entries_.size() <= kRecordsMax) return;
  const auto idle = std::find_if(entries_.begin(), entries_.end(), [](const Entry& old) {
    return old.record.state == GenerationState::kRefused ||
           old.record.state == GenerationState::kRetired;
  });
  if (idle != entries_.end()) entries_.erase(idle);
}

void Generations::Admit(const std::string& hash12, std::shared_ptr<const CheckedCopy> library,
                        int64_t now_ms) {
  Add({.record = {.number = next_number_++,
                  .hash12 = hash12,
                  .state = GenerationState::kAdmitted,
                  .reason = {},
                  .since_unix_ms = now_ms},
       .library = std::move(library)});
}

void Generations::Refuse(const std::string& hash12, const std::string& reason, int64_t now_ms) {
  ++swaps_[static_cast<size_t>(SwapResult::kRefused)];
  Add({.record = {.number = 0,
                  .hash12 = hash12,
                  .state = GenerationState::kRefused,
                  .reason = reason,
                  .since_unix_ms = now_ms},
       .library = nullptr});
}

void Generations::RefuseAdmitted(int number, const std::string& reason, int64_t now_ms) {
  Entry* entry = Find(number);
  if (!entry) return;
  ++swaps_[static_cast<size_t>(SwapResult::kRefused)];
  Enter(entry, GenerationState::kRefused, now_ms);
  entry->record.reason = reason;
  if (running_ == number) running_ = 0;  // what comes back in its place is no swap
}

void Generations::RollBack(int number, int to, const std::string& reason, SwapResult result,
                           int64_t now_ms) {
  Entry* entry = Find(number);
  if (!entry) return;
  ++swaps_[static_cast<size_t>(result)];
  entry->record.reason = reason;
  // What was gone past on the way back is not what to go back to the next time.
  for (Entry& passed : entries_) {
    const int at = passed.record.number;
    passed.rolled_back = passed.rolled_back || (to < at && at <= number);
  }
  Enter(entry, GenerationState::kRetired, now_ms);
  running_ = to;  // not one more swap
}

void Generations::Observe(int current, const std::set<int>& on_lanes, int64_t now_ms) {
  if (current == 0) running_ = 0;
  for (Entry& entry : entries_) {
    const int number = entry.record.number;
    if (number == 0 || (entry.record.state == GenerationState::kRefused && number != current)) {
      continue;
    }
    if (number == current && on_lanes.contains(number)) {
      if (running_ == 0) running_ = number;  // the first one replaces nothing
      Enter(&entry, GenerationState::kRunning, now_ms);
      entry.ran = true;
      entry.rolled_back = false;
      entry.record.reason.clear();
      if (number != running_) {
        ++swaps_[static_cast<size_t>(SwapResult::kSwapped)];
        running_ = number;
      }
    } else if (number != current && on_lanes.contains(number)) {
      Enter(&entry, GenerationState::kDraining, now_ms);
    } else {
      Enter(&entry, number == current ? GenerationState::kAdmitted : GenerationState::kRetired,
            now_ms);
    }
  }
}

Result<Generations::Target> Generations::Former(int current, std::optional<int> to) const {
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    const bool wanted = to ? entry.record.number == *to
                           : (entry.record.number < current || current == 0) && !entry.rolled_back;
    // One that ran and once did not start may start another time, if somebody wants it.
    const bool refused = entry.record.state == GenerationState::kRefused && !(to && entry.ran);
    const bool can_run = entry.record.number != 0 && entry.record.number != current && !refused;
    if (wanted && can_run) found = &entry;
  }
  if (found) return Target{found->record.number, found->record.hash12, found->library};
  if (!to) {
    return Fatal("this host has had no generation before " + std::to_string(current) +
                 " since it started: there is nothing to go back to");
  }
  if (*to == current) return Fatal("generation " + std::to_string(*to) + " is what runs");
  return Fatal("this host has had no generation " + std::to_string(*to) +
               " that could run since it started; millrace function history lists them");
}

std::vector<GenerationRecord> Generations::Records() const {
  std::vector<GenerationRecord> records;
  for (const Entry& entry : entries_) records.push_back(entry.record);
  return records;
}

}  // namespace millrace::function
