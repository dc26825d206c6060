// SPDX-License-Identifier: Apache-2.0
#include "invoke/in_flight.h"

#include <charconv>

namespace millrace::invoke {
namespace {

constexpr size_t kDigits = 12;
constexpr int kHex = 16;

}  // namespace

uint64_t LibraryNumber(const std::string& hash12) {
  uint64_t number = 0;
  std::from_chars(hash12.data(), hash12.data() + hash12.size(), number, kHex);
  return number;
}

std::string Hash12Of(uint64_t library) {
  char digits[kDigits * 2];
  const auto end = std::to_chars(digits, digits + sizeof digits, library, kHex).ptr;
  const auto count = static_cast<size_t>(end - digits);
  return std::string(count < kDigits ? kDigits - count : 0, '0') + std::string(digits, count);
}

}  // namespace millrace::invoke
