// SPDX-License-Identifier: Apache-2.0
#include "state/cache.h"

#include "state/task_state.h"

namespace millrace::state {
namespace {

// Entries passed over in one call at most: when nearly all are pinned, the next call goes on.
constexpr int kPassedMax = 10'000;

}  // namespace

void Cache::Add(Entry* entry) { entries_.push_back(*entry); }

void Cache::Remove(Entry* entry) { entries_.erase(entries_.iterator_to(*entry)); }

void Cache::Charge(Entry* entry, size_t bytes) {
  bytes_ += bytes;
  bytes_ -= entry->charged_bytes;
  entry->charged_bytes = bytes;
}

void Cache::EvictOverBudget() {
  for (int passed = 0; bytes_ > bytes_max_ && !entries_.empty() && passed < kPassedMax;) {
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
