// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace millrace::drain {

inline constexpr int64_t kInputRecordBytes = 100;  // key and value together

struct InputSpec {
  std::string topic;
  int partitions = 4;
  int64_t records = 5'000'000;
  int64_t keys = 100'000;
  uint64_t seed = 1;
};

// A topic filled with such records.
struct Input {
  InputSpec spec;
  int64_t amount_sum = 0;  // of all records; what the totals must add up to
  int64_t keys_used = 0;
  double seconds = 0;  // that filling it took
};

// Makes the topic and fills it, each record once. The same spec gives the same records.
Input Produce(const std::string& bootstrap, const InputSpec& spec);

}  // namespace millrace::drain
