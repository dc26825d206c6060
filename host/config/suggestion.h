// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace::config {

// ` (did you mean "lanes"?)` for the known word nearest to `word`, or nothing when none is near
// (edit distance, neighbours swapped counting as one edit, at most a third of the longer word, at
// least 1). Words longer than 64 bytes are never near.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> known);

}  // namespace millrace::config
