// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/declaration.h>
#include <millrace/use.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

// The ELF note of abi.h, built by the compiler from what MILLRACE_FUNCTION lists.
#ifndef MILLRACE_LIBRARY_NAME  // millrace_add_function defines it
#define MILLRACE_LIBRARY_NAME ""
#endif

namespace millrace {
inline namespace sdk {
namespace detail {

constexpr std::string Decimal(uint32_t number) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + number % 10));
    number /= 10;
  } while (number > 0);
  return digits;
}

constexpr std::string_view KindName(uint32_t kind) {
  return kind == MR_VALUE ? "value" : kind == MR_MAP ? "map" : "output";
}

// What the lines are made of, gathered from the listed items.
struct NoteFacts {
  std::string name;
  StateVersion version;
  std::string uses;
  std::string topics;

  // Evaluated by the compiler, where a throw is an error that shows its line.
  constexpr void Add(const Name& item) {
    if (!IsUseName(item.name) || item.name.find('_') != item.name.npos) {
      throw "a function's name is [a-z0-9][a-z0-9-]{0,62}";
    }
    name = item.name;
  }
  constexpr void Add(const SelfTest&) {}  // is in the table
  constexpr void Add(const StateVersion& item) {
    if (item.oldest_readable > item.current) throw "the oldest readable version is a later one";
    version = item;
  }
  constexpr void Add(const SuggestedTopic& item) { topics += " topic=" + std::string(item.topic); }
  template <IsUse U>
  constexpr void Add(const U& item) {
    uses += "use " + std::string(KindName(item.Describe().kind)) + " " + std::string(item.name);
    uses += "\n";
  }
};

template <auto Items>
constexpr std::string NoteText(std::string_view default_name) {
  NoteFacts facts{std::string(default_name), {}, {}, {}};
  std::apply([&](const auto&... item) { (facts.Add(item), ...); }, Items());
  std::string text = "abi " + Decimal(MR_ABI_MAJOR) + "." + Decimal(MR_ABI_MINOR) + "\n";
  if (!facts.name.empty()) text += "name " + facts.name + "\n";
  text += "state_version " + Decimal(facts.version.current) + " " +
          Decimal(facts.version.oldest_readable) + "\n" + facts.uses;
  if (!facts.topics.empty()) text += "trigger kafka" + facts.topics + "\n";
  return text;
}

// The bytes of the section. `Text` is a captureless lambda that returns NoteText.
template <auto Text>
struct Note {
  static constexpr uint32_t kSize = static_cast<uint32_t>(Text().size() + 1);

  constexpr Note() {
    const std::string lines = Text();
    for (size_t i = 0; i < lines.size(); ++i) text[i] = lines[i];
  }

  uint32_t owner_size = sizeof(MR_NOTE_OWNER);
  uint32_t size = kSize;
  uint32_t type = MR_NOTE_TYPE;
  char owner[12] = MR_NOTE_OWNER;
  char text[(kSize + 3) / 4 * 4] = {};
};

}  // namespace detail
}  // namespace sdk
}  // namespace millrace
