// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/clock.h"

namespace auction_bids {

// How many bids should have been sent by now: exactly `rate` a second since the first question. A
// sender that was held up for longer than a second does not catch up with more than that second, so
// that it never floods. Rate 0: no limit.
class Pacer {
 public:
  explicit Pacer(int64_t rate) : rate_(rate) {}

  // Bids that are due at `now` after `sent` were sent.
  int64_t Due(millrace::SteadyTime now, int64_t sent) {
    if (rate_ == 0) return std::numeric_limits<int64_t>::max() - sent;
    if (!started_) start_ = now;
    started_ = true;
    using std::chrono::microseconds;
    const int64_t us = std::chrono::duration_cast<microseconds>(now - start_).count();
    const int64_t wanted = us * rate_ / kMicrosPerSecond;
    const int64_t behind = wanted - sent - forgiven_;
    const int64_t due = std::clamp<int64_t>(behind, 0, rate_);
    forgiven_ += std::max<int64_t>(behind - due, 0);
    return due;
  }

 private:
  static constexpr int64_t kMicrosPerSecond = 1'000'000;
  int64_t rate_;
  int64_t forgiven_ = 0;  // bids that are never made up for
  bool started_ = false;
  millrace::SteadyTime start_{};
};

}  // namespace auction_bids
