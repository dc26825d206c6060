// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// The keys of every benchmark: "k" and nine digits.
namespace millrace::bench {

inline constexpr size_t kKeyBytes = 10;
inline constexpr int64_t kKeysMax = 1'000'000'000;

inline void WriteKey(uint64_t key, char* out) {
  out[0] = 'k';
  for (size_t at = kKeyBytes - 1; at > 0; --at, key /= 10) {
    out[at] = static_cast<char>('0' + key % 10);
  }
}

// -1 of anything else.
inline int64_t ReadKey(const void* data, size_t bytes) {
  const auto* text = static_cast<const char*>(data);
  if (bytes != kKeyBytes || text[0] != 'k') return -1;
  int64_t key = 0;
  for (size_t at = 1; at < kKeyBytes; ++at) {
    if (text[at] < '0' || text[at] > '9') return -1;
    key = key * 10 + (text[at] - '0');
  }
  return key;
}

}  // namespace millrace::bench
