// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace auction_bids {

// SIGINT and SIGTERM ask the program to finish what it has begun; a second one ends it at once.
// Made once, in main.
class StopSignal {
 public:
  StopSignal() {
    struct sigaction action {};
    action.sa_handler = [](int) { asked_ = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
  }
  bool asked() const { return asked_ != 0; }

 private:
  // A signal handler reaches nothing but a static.
  static inline volatile std::sig_atomic_t asked_ = 0;
};

}  // namespace auction_bids
