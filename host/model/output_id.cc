// SPDX-License-Identifier: Apache-2.0
#include "model/output_id.h"

#include <algorithm>
#include <charconv>

namespace millrace {
namespace {

constexpr auto kSourceParts = 3;   // function, topic, partition
constexpr size_t kDigitsMax = 20;  // of a 64-bit number

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

std::string OutputSource(const std::string& function, const std::string& topic, int32_t partition) {
  return function + "/" + topic + "/" + std::to_string(partition);
}

std::optional<OutputId> ParseOutputId(Slice id) {
  OutputId parsed;
  std::string_view rest = id.is_null() ? std::string_view() : id.view();
  if (!TakeLast(&rest, &parsed.index) || !TakeLast(&rest, &parsed.offset)) return std::nullopt;
  if (std::count(rest.begin(), rest.end(), '/') != kSourceParts - 1) return std::nullopt;
  parsed.source = Slice(rest);
  return parsed;
}

Slice FormatOutputId(const OutputId& id, std::string* text) {
  const size_t room = id.source.size() + 2 * (kDigitsMax + 1);
  if (text->size() < room) text->resize(room);
  char* const begin = text->data();
  char* const end = begin + text->size();
  char* at = std::copy_n(id.source.data(), id.source.size(), begin);
  *at++ = '/';
  at = std::to_chars(at, end, id.offset).ptr;
  *at++ = '/';
  at = std::to_chars(at, end, id.index).ptr;
  return {begin, static_cast<size_t>(at - begin)};
}

}  // namespace millrace
