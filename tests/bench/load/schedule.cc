// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <time.h>

namespace millrace::load {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

// Split, so that a long run does not overflow.
int64_t Scale(int64_t value, int64_t by, int64_t per) {
  return value / per * by + value % per * by / per;
}

}  // namespace

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecondNs + now.tv_nsec;
}

int64_t Schedule::IntendedNs(int64_t index) const {
  return start_ns + Scale(index, kSecondNs, rate);
}

int64_t Schedule::Due(int64_t now_ns) const {
  if (now_ns < start_ns) return 0;
  int64_t due = Scale(now_ns - start_ns, rate, kSecondNs);
  while (IntendedNs(due) <= now_ns) ++due;
  return due;
}

std::optional<int64_t> Schedule::IndexOf(int64_t intended_ns) const {
  const int64_t due = Due(intended_ns);
  if (due == 0 || IntendedNs(due - 1) != intended_ns) return std::nullopt;
  return due - 1;
}

}  // namespace millrace::load
