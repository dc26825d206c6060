// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/function_spec.h"

namespace millrace::function {

// Judges a generation that a swap has brought, for SwapRules::watch from then on. Pure.
class SwapWatch {
 public:
  // Fewer failed calls say nothing: the very first one would be all of them.
  static constexpr uint64_t kErrorsMin = 3;

  SwapWatch(const SwapRules& rules, SteadyTime began) : rules_(rules), began_(began) {}

  bool over(SteadyTime now) const { return now >= began_ + rules_.watch; }

  // Of the generation's calls so far these have failed; why that is too many, or nothing.
  std::optional<std::string> TooMany(uint64_t calls, uint64_t errors) const;

 private:
  SwapRules rules_;
  SteadyTime began_;
};

}  // namespace millrace::function
