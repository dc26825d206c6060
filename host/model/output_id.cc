// SPDX-License-Identifier: Apache-2.0
#include "model/output_id.h"

#include <algorithm>
#include <charconv>

namespace millrace {
namespace {

constexpr auto kSourceParts = 3;  // function, topic, partition

template <class Integer>
bool TakeLast(std::string_view* text, Integer* number) {
  const size_t slash = text->rfind('/');
  if (slash == std::string_view::npos) return false;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data() + slash + 1, end, *number);
  *text = text->substr(0, slash);
  return error == std::errc() && stop == end && *number >= 0;
}

}  // namespace

std::optional<OutputId> ParseOutputId(Slice id) {
  OutputId parsed;
  std::string_view rest = id.is_null() ? std::string_view() : id.view();
  if (!TakeLast(&rest, &parsed.index) || !TakeLast(&rest, &parsed.offset)) return std::nullopt;
  if (std::count(rest.begin(), rest.end(), '/') != kSourceParts - 1) return std::nullopt;
  parsed.source = Slice(rest);
  return parsed;
}

}  // namespace millrace
