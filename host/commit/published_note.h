// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "commit/crash_text.h"
#include "model/crash.h"

namespace millrace::commit {

// What is kept with every offset that the group commits, as its metadata: "<seq> <owner>", and
// " released" behind it once the owner has given the task up with no transaction open. Offsets
// that were set by hand have none.
//
// A function without a store keeps its crashes here: "crash <offset> <count> <hash12> <ids> "
// before it. A reader that does not know that finds no note, rather than another owner.
struct PublishedNote {
  uint64_t seq = 0;   // of the last unit whose outputs are published
  std::string owner;  // its transactional id, which holds no space
  bool released = false;
  std::optional<CrashCount> crash = {};  // of an event at or above the offset
};

inline constexpr std::string_view kReleasedMark = " released";
inline constexpr std::string_view kCrashMark = "crash ";

inline std::string TextOf(const PublishedNote& note) {
  std::string text;
  if (note.crash) text = std::string(kCrashMark) + TextOf(*note.crash) + " ";
  text += std::to_string(note.seq) + " " + note.owner;
  if (note.released) text += kReleasedMark;
  return text;
}

inline std::optional<PublishedNote> NoteOf(std::string_view text) {
  PublishedNote note;
  if (text.starts_with(kCrashMark)) {
    text.remove_prefix(kCrashMark.size());
    note.crash = TakeCrash(&text);
    if (!note.crash) return std::nullopt;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), note.seq);
  if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  if (text.ends_with(kReleasedMark)) {
    note.released = true;
    text.remove_suffix(kReleasedMark.size());
  }
  note.owner = text;
  return note;
}

}  // namespace millrace::commit
