// SPDX-License-Identifier: Apache-2.0
#include "app/restart_wait.h"

#include <algorithm>

namespace millrace::app {

Millis RestartWait::Ended(SteadyTime now) {
  if (now >= began_ + kWellAfter) ends_ = 0;
  const Millis wait =
      ends_ == 0 ? Millis(0) : std::min(kMax, kMin * (1 << std::min(ends_ - 1, 10)));
  ++ends_;
  until_ = now + wait;
  return wait;
}

}  // namespace millrace::app
