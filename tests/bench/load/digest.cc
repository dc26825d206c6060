// SPDX-License-Identifier: Apache-2.0
#include "digest.h"

#include <xxhash.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace millrace::load {

void Digest::Add(const void* key, size_t key_bytes, const void* value, size_t value_bytes) {
  const size_t bytes = key_bytes + value_bytes;
  if (together_.size() < bytes) together_.resize(bytes);
  if (key_bytes > 0) std::memcpy(together_.data(), key, key_bytes);
  if (value_bytes > 0) std::memcpy(together_.data() + key_bytes, value, value_bytes);
  sum_ += XXH3_64bits(together_.data(), bytes);
}

std::string Digest::Hex() const {
  std::array<char, 17> text;
  std::snprintf(text.data(), text.size(), "%016" PRIx64, sum_);
  return text.data();
}

}  // namespace millrace::load
