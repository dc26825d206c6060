// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "observe/limited_log.h"

namespace millrace::app {

// Writes what is in a function's way to the log: once when it has lasted for kTellAfter, and once
// when it is over. One thread; `log` and `clock` outlive it.
class ProblemLog {
 public:
  static constexpr Millis kTellAfter{500};  // a start or reconnect in between is no news

  ProblemLog(std::string function, Logger* log, const Clock* clock);

  // All that is in the way now.
  void Update(const std::vector<std::string>& problems);

 private:
  struct Problem {
    SteadyTime since;
    bool told = false;
  };

  std::string function_;
  const Clock* clock_;
  observe::LimitedLog log_;
  std::map<std::string, Problem> problems_;  // by text
};

}  // namespace millrace::app
