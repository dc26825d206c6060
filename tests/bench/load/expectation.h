// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "digest.h"
#include "record.h"

namespace millrace::load {

struct Expected {
  int64_t records = 0;
  int64_t keys_used = 0;
  std::string pass_through_digest;
  std::string aggregate_digest;
  std::string aggregate_final_digest;  // of the last count and sum per key, without tags
};

// What the outputs of a right engine are, of the records that were added, in their order.
class Expectation {
 public:
  explicit Expectation(int64_t keys) : totals_(static_cast<size_t>(keys)) {}

  // `key` and `value` are the bytes of the record with this head.
  void Add(const RecordHead& head, const char* key, const char* value, size_t value_bytes);
  Expected Result() const;

 private:
  struct Running {
    int64_t count = 0;
    int64_t sum = 0;
  };
  std::vector<Running> totals_;
  int64_t records_ = 0;
  Digest pass_through_;
  Digest aggregate_;
};

// What a key's last total adds to the final digest: count and sum, little-endian.
void AddFinal(const char* key, int64_t count, int64_t sum, Digest* digest);

}  // namespace millrace::load
