// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <cstdint>
#include <string_view>

namespace millrace {
inline namespace sdk {
namespace detail {

// FNV-1a of the name mixed with the kind: an id that needs no order of registration, and lets a
// state and an output share a name. A clash inside a library does not compile.
constexpr uint32_t UseId(std::string_view name, uint32_t kind) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash ^ (kind * 0x9E3779B9u);
}

template <uint32_t Kind>
struct Use {
  constexpr explicit Use(std::string_view use_name) : name(use_name), id(UseId(use_name, Kind)) {}
  constexpr mr_use Describe() const { return {id, Kind, 0, {name.data(), name.size()}}; }

  std::string_view name;
  uint32_t id;
};

}  // namespace detail

// What a function uses, each a constant of the library that MILLRACE_FUNCTION lists:
//   constexpr Value<int64_t> total{"total"};              one T per key
//   constexpr Map<std::string, int64_t> pages{"pages"};   V by K, per key
//   constexpr Output changes{"changes"};                  where it emits; the YAML names the topic
template <class T>
struct Value : detail::Use<MR_VALUE> {
  using Use::Use;
};

template <class K, class V>
struct Map : detail::Use<MR_MAP> {
  using Use::Use;
};

struct Output : detail::Use<MR_OUTPUT> {
  using Use::Use;
};

// What a library says about itself, listed beside its uses; all optional.

// The suggested name; by default the CMake target's, with - for _.
struct Name {
  std::string_view name;
};

// The version of the state that this library writes and the oldest that it reads.
struct StateVersion {
  uint32_t current = 1;
  uint32_t oldest_readable = 1;
};

// What the library checks of itself before a host takes it, in a process of its own: tables that it
// computes, a model that it was built with. It throws to refuse, with the reason.
struct SelfTest {
  void (*test)() = nullptr;
};

// A topic to run on where no YAML says otherwise.
struct SuggestedTopic {
  std::string_view topic;
};

}  // namespace sdk
}  // namespace millrace
