// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/use.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

// What MILLRACE_FUNCTION lists, as constants of the compiler: checked here, then written into the
// function table and the ELF note.
namespace millrace {
inline namespace sdk {
namespace detail {

template <class T>
concept IsUse = requires(const T& item) {
  { item.Describe() } -> std::same_as<mr_use>;
};

template <class... Item>
constexpr std::tuple<Item...> Declare(const Item&... items) {
  return {items...};
}

constexpr bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// [a-z0-9][a-z0-9_-]{0,62}
constexpr bool IsUseName(std::string_view name) {
  if (name.empty() || name.size() > 63 || !IsLowerOrDigit(name[0])) return false;
  for (const char c : name) {
    if (!IsLowerOrDigit(c) && c != '-' && c != '_') return false;
  }
  return true;
}

// `Items` is a captureless lambda that returns Declare(...).
template <auto Items>
constexpr auto UsesOf() {
  return std::apply(
      [](const auto&... item) {
        std::array<mr_use, (size_t{0} + ... + size_t{IsUse<std::decay_t<decltype(item)>>})> uses{};
        [[maybe_unused]] size_t at = 0;
        [[maybe_unused]] const auto add = [&](const auto& use) {
          if constexpr (IsUse<std::decay_t<decltype(use)>>) uses[at++] = use.Describe();
        };
        (add(item), ...);
        return uses;
      },
      Items());
}

template <size_t N>
constexpr bool IdsDiffer(const std::array<mr_use, N>& uses) {
  for (size_t i = 0; i < N; ++i) {
    for (size_t j = i + 1; j < N; ++j) {
      if (uses[i].id == uses[j].id) return false;
    }
  }
  return true;
}

template <size_t N>
constexpr bool NamesAreValid(const std::array<mr_use, N>& uses) {
  for (const mr_use& use : uses) {
    if (!IsUseName({use.name.data, use.name.size})) return false;
  }
  return true;
}

template <auto Items>
struct Declaration {
  static constexpr auto kUses = UsesOf<Items>();
  static_assert(IdsDiffer(kUses), "two uses have the same name and kind; rename one");
  static_assert(NamesAreValid(kUses), "names of states and outputs are [a-z0-9][a-z0-9_-]{0,62}");
};

}  // namespace detail
}  // namespace sdk
}  // namespace millrace
