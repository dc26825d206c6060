// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace millrace {

using Millis = std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// Where time comes from. Lanes are handed the time with each step; nothing on the record path reads
// a clock of its own, so that tests and the simulation own time.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;
  virtual int64_t UnixMillis() const = 0;  // wall clock, milliseconds since the epoch
};

class SystemClock final : public Clock {
 public:
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  int64_t UnixMillis() const override {
    return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

class ManualClock final : public Clock {
 public:
  SteadyTime Now() const override { return now_; }
  int64_t UnixMillis() const override { return unix_ms_; }
  void Advance(Millis by) {
    now_ += by;
    unix_ms_ += by.count();
  }

 private:
  SteadyTime now_{std::chrono::seconds(1)};
  int64_t unix_ms_ = 1'700'000'000'000;
};

}  // namespace millrace
