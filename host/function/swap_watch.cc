// SPDX-License-Identifier: Apache-2.0
#include "function/swap_watch.h"

#include <array>
#include <cstdio>

namespace millrace::function {

std::optional<std::string> SwapWatch::TooMany(uint64_t calls, uint64_t errors) const {
  if (errors < kErrorsMin) return std::nullopt;
  if (static_cast<double>(errors) <= rules_.max_error_rate * static_cast<double>(calls)) {
    return std::nullopt;
  }
  std::array<char, 16> rate{};
  std::snprintf(rate.data(), rate.size(), "%g", rules_.max_error_rate);
  return std::to_string(errors) + " of its " + std::to_string(calls) +
         " calls failed, more than swap.max_error_rate " + rate.data() + " allows";
}

}  // namespace millrace::function
