// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/logger.h"

namespace millrace::app {

// "[####......]  42% 3360 of 8000 events, 1200/s, 3 s left". The rate is over `elapsed`; without
// one there is no time left either. Pure.
std::string ProgressText(int64_t done, int64_t total, Millis elapsed);

// Shows how far a long command is: on a terminal as one line that is written again and again, else
// as a line every kLineInterval. The log passes through it, so that a log line never lands in the
// middle of the shown one. Show and End on one thread, Log on any; `out`, `log` and `clock` outlive
// it.
class ProgressLine final : public Logger {
 public:
  static constexpr Millis kLineInterval{5'000};

  enum class Kind { kTerminal, kLines };
  ProgressLine(Kind kind, std::ostream* out, Logger* log, const Clock* clock)
      : kind_(kind), out_(out), log_(log), clock_(clock) {}

  void Show(const std::string& text);
  void End();  // the last shown text stays

  using Logger::Log;
  void Log(LogLevel level, std::string_view message) override;

 private:
  Kind kind_;
  std::ostream* out_;
  Logger* log_;
  const Clock* clock_;
  std::mutex mutex_;
  std::string shown_;    // guarded by mutex_; the newest text
  bool written_ = true;  // guarded by mutex_; as it is now
  std::optional<SteadyTime> written_at_;
};

}  // namespace millrace::app
