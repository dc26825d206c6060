// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/logger.h"

namespace millrace::observe {

struct LogRate {
  int lines = 10;  // per key and interval
  Millis interval{1000};
};

// Decides which of many alike log lines are written. Not thread-safe. Remembers at most kKeysMax
// keys; those that come later share one budget.
class RateLimiter {
 public:
  static constexpr size_t kKeysMax = 1024;

  explicit RateLimiter(LogRate rate) : rate_(rate) {}

  // None: suppress this line. Else write it; the number is how many lines of this key were
  // suppressed since the last one written.
  std::optional<uint64_t> Admit(std::string_view key, SteadyTime now);

 private:
  struct Budget {
    SteadyTime since;
    int lines = 0;
    uint64_t suppressed = 0;
  };

  Budget& BudgetOf(std::string_view key, SteadyTime now);

  LogRate rate_;
  std::map<std::string, Budget, std::less<>> budgets_;
};

// A Logger in front of another that writes at most `rate` lines per key; the next line written
// tells how many were left out (`suppressed=N`). Callable from any thread; `to` and `clock` outlive
// it.
class LimitedLog {
 public:
  LimitedLog(Logger& to, const Clock& clock, LogRate rate) : to_(to), clock_(clock), limit_(rate) {}

  void Log(std::string_view key, LogLevel level, std::string_view message);

 private:
  Logger& to_;
  const Clock& clock_;
  std::mutex mutex_;
  RateLimiter limit_;  // guarded by mutex_
};

}  // namespace millrace::observe
