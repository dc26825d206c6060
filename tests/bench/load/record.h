// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/kafka/record_key.h"

namespace millrace::load {

inline constexpr size_t kTagBytes = 8;
inline constexpr size_t kAmountBytes = 8;
inline constexpr int64_t kAmountEnd = 1000;  // amounts lie below
inline constexpr int64_t kRecordBytesMin = bench::kKeyBytes + kTagBytes + kAmountBytes;
inline constexpr int64_t kRecordBytesMax = 100'000;

struct RecordSpec {
  int64_t keys = 100'000;
  int64_t bytes = 100;  // key and value together
  uint64_t seed = 1;
  // Records of a lower index get key `index mod keys`, the others any key.
  int64_t sequential_until = 0;
};

struct RecordHead {
  int64_t key = 0;
  uint64_t tag = 0;
  int64_t amount = 0;
};

// The records of a benchmark's input. Record i depends on the spec and i alone, so that any part of
// the input can be made, or expected, by itself. A value: tag (u64), amount (i64), both
// little-endian, then filler of small letters.
class Records {
 public:
  explicit Records(const RecordSpec& spec);

  RecordHead Head(int64_t index) const;
  size_t value_bytes() const { return value_bytes_; }
  // `key` has room for kKeyBytes, `value` for value_bytes().
  void Write(int64_t index, const RecordHead& head, char* key, char* value) const;

 private:
  uint64_t Random(int64_t index, uint64_t purpose) const;

  RecordSpec spec_;
  size_t value_bytes_;
  std::string filler_;  // a record's is cut out of it
};

// Output of the cell `aggregate`: the input's key, and 24 bytes little-endian.
inline constexpr size_t kTotalBytes = 24;

struct Total {
  int64_t count = 0;  // of the key, from 1
  int64_t sum = 0;
  uint64_t tag = 0;  // of the input

  std::array<char, kTotalBytes> Bytes() const;
};

// Both throw on a value that is too short (Total: not of kTotalBytes).
Total ReadTotal(const void* value, size_t bytes);
uint64_t ReadTag(const void* value, size_t bytes);

// What an engine makes of the input: a running total per key, or the same record again.
enum class Cell { kAggregate, kPassThrough };

// The input's tag, as an output of the cell carries it.
uint64_t TagOf(Cell cell, const void* value, size_t bytes);

}  // namespace millrace::load
