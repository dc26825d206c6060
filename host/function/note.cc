// SPDX-License-Identifier: Apache-2.0
#include "function/note.h"

#include <millrace/abi.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace millrace::function {
namespace {

constexpr size_t kNameBytesMax = 63;
constexpr size_t kUsesMax = 256;
constexpr size_t kTriggersMax = 64;
constexpr std::string_view kUseKindsToCome[] = {"list", "counter", "set", "timer", "timers", "ttl"};

using Words = std::vector<std::string_view>;

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string Quote(std::string_view text) {
  constexpr size_t kShownBytesMax = 80;
  std::string quoted = "'";
  for (char c : text.substr(0, kShownBytesMax)) quoted += (c >= ' ' && c <= '~') ? c : '?';
  return quoted + (text.size() > kShownBytesMax ? "…'" : "'");
}

std::string NotAvailable(std::string_view what) {
  return std::string(what) + " is not available in this version";
}

bool IsName(std::string_view name, bool underscore_allowed) {
  const auto letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  if (name.empty() || name.size() > kNameBytesMax || !letter_or_digit(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return letter_or_digit(c) || c == '-' || (c == '_' && underscore_allowed);
  });
}

// Each line's reader gives what is wrong with it, or nothing.
using Problem = std::optional<std::string>;

Problem ReadAbi(const Words& words, LibraryNote* note) {
  const size_t dot = words.size() == 2 ? words[1].find('.') : std::string_view::npos;
  if (dot == std::string_view::npos) return "wants 'abi <major>.<minor>'";
  const auto major = ParseNumber<uint32_t>(words[1].substr(0, dot));
  const auto minor = ParseNumber<uint32_t>(words[1].substr(dot + 1));
  if (!major || !minor) return "wants 'abi <major>.<minor>'";
  note->abi_major = *major;
  note->abi_minor = *minor;
  return {};
}

Problem ReadStateVersion(const Words& words, LibraryNote* note) {
  const auto written = words.size() == 3 ? ParseNumber<uint32_t>(words[1]) : std::nullopt;
  const auto oldest = words.size() == 3 ? ParseNumber<uint32_t>(words[2]) : std::nullopt;
  if (!written || !oldest || *oldest > *written)
    return "wants 'state_version <written> <oldest readable>'";
  note->state_version = *written;
  note->oldest_readable = *oldest;
  return {};
}

Problem ReadUse(const Words& words, LibraryNote* note) {
  if (words.size() < 3) return "wants 'use <kind> <name>'";
  const std::string_view kind = words[1];
  if (std::ranges::find(kUseKindsToCome, kind) != std::end(kUseKindsToCome))
    return NotAvailable(kind);
  Use use{0, UseKind::kValue, std::string(words[2])};
  if (kind == "map")
    use.kind = UseKind::kMap;
  else if (kind == "output")
    use.kind = UseKind::kOutput;
  else if (kind != "value")
    return "unknown kind " + Quote(kind) + ": value, map or output";
  if (!IsUseName(words[2])) return Quote(words[2]) + " is no name: [a-z0-9][a-z0-9_-]{0,62}";
  if (words.size() > 3) return NotAvailable(Split(words[3], '=')[0]);
  if (note->uses.size() == kUsesMax) return "more than " + std::to_string(kUsesMax) + " uses";
  note->uses.push_back(std::move(use));
  return {};
}

Problem ReadStart(std::string_view text, StartPosition* start) {
  if (text == "earliest")
    *start = {StartPosition::Kind::kEarliest, 0};
  else if (text == "latest")
    *start = {StartPosition::Kind::kLatest, 0};
  else
    return "start is earliest or latest, not " + Quote(text);
  return {};
}

Problem ReadTrigger(const Words& words, LibraryNote* note) {
  if (words.size() < 2) return "wants 'trigger kafka topic=<topic>…'";
  if (words[1] != "kafka") return NotAvailable("trigger " + Quote(words[1]));
  KafkaTrigger trigger;
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    const std::string_view key = words[i].substr(0, equals);
    const auto value = equals == std::string_view::npos ? "" : words[i].substr(equals + 1);
    if (value.empty()) return "wants key=value, not " + Quote(words[i]);
    if (key == "topic")
      trigger.topics.emplace_back(value);
    else if (key != "start")
      return "trigger option " + NotAvailable(Quote(key));
    else if (Problem start = ReadStart(value, &trigger.start))
      return start;
  }
  if (trigger.topics.empty()) return "a kafka trigger names at least one topic";
  if (note->triggers.size() == kTriggersMax)
    return "more than " + std::to_string(kTriggersMax) + " triggers";
  note->triggers.push_back(std::move(trigger));
  return {};
}

Problem ReadName(const Words& words, LibraryNote* note) {
  if (words.size() != 2 || !IsFunctionName(words[1]))
    return "wants 'name <function>', [a-z0-9][a-z0-9-]{0,62}";
  note->name = words[1];
  return {};
}

Problem ReadLine(const Words& words, LibraryNote* note) {
  if (words[0] == "abi") return "only the first line is 'abi'";
  if (words[0] == "name") return ReadName(words, note);
  if (words[0] == "state_version") return ReadStateVersion(words, note);
  if (words[0] == "use") return ReadUse(words, note);
  if (words[0] == "trigger") return ReadTrigger(words, note);
  return {};
}

}  // namespace

bool IsUseName(std::string_view name) { return IsName(name, true); }
bool IsFunctionName(std::string_view name) { return IsName(name, false); }

std::string_view UseKindName(UseKind kind) {
  switch (kind) {
    case UseKind::kValue:
      return "value";
    case UseKind::kMap:
      return "map";
    case UseKind::kOutput:
      return "output";
  }
  return "?";
}

Result<LibraryNote> ParseNote(std::string_view text, const std::string& file) {
  LibraryNote note;
  bool first = true;
  for (std::string_view line : Split(text, '\n')) {
    const Words words = Split(line, ' ');
    if (words.empty()) continue;
    Problem problem;
    if (first && words[0] != "abi")
      problem = "the first line gives the ABI version";
    else
      problem = first ? ReadAbi(words, &note) : ReadLine(words, &note);
    if (problem) return Fatal(file + ": millrace note, line " + Quote(line) + ": " + *problem);
    // Another major may say anything in the other lines.
    if (first && note.abi_major != MR_ABI_MAJOR)
      return Fatal(file + ": library ABI " + std::to_string(note.abi_major) + "." +
                   std::to_string(note.abi_minor) + ", this host has ABI " +
                   std::to_string(MR_ABI_MAJOR) + "." + std::to_string(MR_ABI_MINOR) +
                   ": build the library with this host's SDK");
    first = false;
  }
  if (first) return Fatal(file + ": its millrace note is empty");
  return note;
}

}  // namespace millrace::function
