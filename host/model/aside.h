// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

// Why a record was put aside: it has ended the function's process too often.
inline constexpr std::string_view kAsideCrash = "crash";

// One record of a task that was put aside: kept whole in the store, and passed over.
struct AsideName {
  std::string kind;  // holds no space
  std::string topic;
  int64_t offset = 0;

  friend auto operator<=>(const AsideName&, const AsideName&) = default;
};

}  // namespace millrace
