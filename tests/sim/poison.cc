// SPDX-License-Identifier: Apache-2.0
#include "sim/poison.h"

namespace millrace::sim {
namespace {

constexpr int kPoisonMax = 3;  // records of a schedule
constexpr int kOneIn = 40;     // of all records
constexpr int kNearOneIn = 3;  // of those behind another one, in its partition
constexpr int64_t kNear = 4;   // offsets

}  // namespace

Poison::Poison(uint64_t seed) : random_(seed * 0xd1342543de82ef95ull + 7) {
  const auto below = [this](uint64_t n) { return static_cast<int>(random_() % n); };
  on_ = below(2) == 0;
  max_crashes_ = below(3) + 1;
  batches_ = on_ && below(3) == 0;
  left_ = kPoisonMax;
}

void Poison::OnProduced(const At& at) {
  const bool near = at.first == last_.first && at.second - last_.second < kNear;
  if (!on_ || left_ == 0 || random_() % (near ? kNearOneIn : kOneIn) != 0) return;
  --left_;
  last_ = at;
  // One that stops in time is no poison, and must be handled.
  if (max_crashes_ > 1 && random_() % 3 == 0) {
    flaky_[at] = 1 + static_cast<int>(random_() % static_cast<uint64_t>(max_crashes_ - 1));
  } else {
    deadly_.insert(at);
  }
}

Poison::Effect Poison::Of(const At& at) {
  const auto flaky = flaky_.find(at);
  if (!deadly_.contains(at) && (flaky == flaky_.end() || flaky->second == 0)) return Effect::kNone;
  return armed_ ? Effect::kEnds : Effect::kAgain;
}

void Poison::Ended(const At& at, size_t together) {
  if (const auto flaky = flaky_.find(at); flaky != flaky_.end()) --flaky->second;
  if (together == 1) ++charged_[at];
  ++(together == 1 ? ended_alone_ : ended_together_);
}

bool Poison::HasFlaky(int32_t partition) const {
  const auto first = flaky_.lower_bound({partition, 0});
  return first != flaky_.end() && first->first.first == partition;
}

int Poison::charged(const At& at) const {
  const auto found = charged_.find(at);
  return found == charged_.end() ? 0 : found->second;
}

}  // namespace millrace::sim
