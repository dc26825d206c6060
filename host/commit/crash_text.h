// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "model/crash.h"

namespace millrace::commit {

// "<offset> <count> <hash12> <ids>": how deaths that are charged to an event are kept, in a store
// and beside the group's offset.
inline std::string TextOf(const CrashCount& crash) {
  return std::to_string(crash.offset) + " " + std::to_string(crash.count) + " " + crash.hash12 +
         " " + crash.ids;
}

inline constexpr size_t kCrashWords = 4;

// Reads it off the front of `text`, with the space behind it if more follows. Absent, and `text` as
// it was: that is not what stands there.
inline std::optional<CrashCount> TakeCrash(std::string_view* text) {
  std::array<std::string_view, kCrashWords> words;
  std::string_view rest = *text;
  for (std::string_view& word : words) {
    const size_t space = rest.find(' ');
    word = rest.substr(0, space);
    if (word.empty()) return std::nullopt;
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
  }
  const auto read = [](std::string_view word, auto* number) {
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, *number);
    return error == std::errc() && stop == end && *number >= 0;
  };
  CrashCount crash{.hash12 = std::string(words[2]), .ids = std::string(words[3])};
  if (!read(words[0], &crash.offset) || !read(words[1], &crash.count)) return std::nullopt;
  *text = rest;
  return crash;
}

// Absent: something else.
inline std::optional<CrashCount> CrashOf(std::string_view text) {
  const bool open = text.ends_with(' ');
  std::optional<CrashCount> crash = TakeCrash(&text);
  return text.empty() && !open ? crash : std::nullopt;
}

}  // namespace millrace::commit
