// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::load {

// Of a set of records, whatever their order: the sum, modulo 2^64, of XXH3 (64 bits, no seed) over
// each record's key and value bytes, one behind the other. A record that is missing, repeated or
// changed changes it.
class Digest {
 public:
  void Add(const void* key, size_t key_bytes, const void* value, size_t value_bytes);
  std::string Hex() const;  // 16 digits

 private:
  uint64_t sum_ = 0;
  std::vector<char> together_;
};

}  // namespace millrace::load
