// SPDX-License-Identifier: Apache-2.0
#include "state/cache.h"

#include <algorithm>

#include "state/task_state.h"

namespace millrace::state {
namespace {

// Entries passed over in one call at most: when nearly all are pinned, the next call goes on.
constexpr size_t kPassedMax = 10'000;

}  // namespace

void Cache::Add(Entry* entry) {
  entries_.push_back(*entry);
  ++count_;
}

void Cache::Remove(Entry* entry) {
  entries_.erase(entries_.iterator_to(*entry));
  --count_;
}

void Cache::Charge(Entry* entry, size_t bytes) {
  bytes_ += bytes;
  bytes_ -= entry->charged_bytes;
  if (entry->in_redo != InRedo::kNo) {
    held_bytes_ += bytes;
    held_bytes_ -= entry->charged_bytes;
  }
  entry->charged_bytes = bytes;
}

void Cache::SetInRedo(Entry* entry, InRedo in_redo) {
  if (entry->in_redo != InRedo::kNo) held_bytes_ -= entry->charged_bytes;
  entry->in_redo = in_redo;
  if (entry->in_redo != InRedo::kNo) held_bytes_ += entry->charged_bytes;
}

void Cache::EvictOverBudget() {
  // Two rounds: the first one lets every entry be looked at again, the second finds what is free.
  const size_t passed_max = std::min(kPassedMax, 2 * count_);
  for (size_t passed = 0; bytes_ > bytes_max_ && !entries_.empty() && passed < passed_max;) {
    Entry& next = entries_.front();
    if (next.pins > 0 || next.used) {
      next.used = false;
      entries_.splice(entries_.end(), entries_, entries_.begin());
      ++passed;
      continue;
    }
    ++counts_.evictions;
    next.owner->Forget(&next);
  }
}

}  // namespace millrace::state
