// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace millrace::app {

// When a process that has ended is started again: the first time at once; those that follow soon
// after wait, each twice as long. Asks no clock.
class RestartWait {
 public:
  static constexpr Millis kMin{100};
  static constexpr Millis kMax{10'000};
  static constexpr Millis kWellAfter{10'000};  // one that has run for so long begins to count anew

  // It is started, or is tried to be.
  void Began(SteadyTime now) { began_ = now; }
  // It has ended, or could not be started; how long it waits from now on.
  Millis Ended(SteadyTime now);
  bool over(SteadyTime now) const { return now >= until_; }
  // The next end is the first one again.
  void Forget() { ends_ = 0; }

 private:
  SteadyTime began_{};
  SteadyTime until_{};
  int ends_ = 0;  // one soon after the other
};

}  // namespace millrace::app
