// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::invoke {

enum class Outcome { kDone, kRetry, kDrop, kDeadLetter, kFatal };

std::string_view OutcomeName(Outcome outcome);  // "done", "retry", "drop", "dead-letter", "fatal"

// What became of one event. The reason is empty for kDone.
struct Verdict {
  Outcome outcome = Outcome::kDone;
  std::string reason;
  std::chrono::nanoseconds duration{0};  // in the handler; of a batch, its share
};

}  // namespace millrace::invoke
