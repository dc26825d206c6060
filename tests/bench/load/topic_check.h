// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "digest.h"
#include "record.h"

namespace millrace::load {

struct CheckResult {
  int64_t records = 0;
  std::string digest;
  int64_t distinct_keys = 0;
  int64_t moved_keys = 0;  // outputs in another partition than the one before of the same key
  bool open_transaction = false;  // something stands behind one and is not counted
  // Of the cell aggregate alone:
  int64_t out_of_order = 0;  // outputs whose count is not that of the key's output before, plus 1
  int64_t repeated = 0;      // outputs whose count the key had reached before
  std::string final_digest;  // over the last count and sum per key
};

// Sums up the outputs of an engine, fed in the order of each partition. Throws on a record that is
// no output of the cell.
class TopicCheck {
 public:
  explicit TopicCheck(Cell cell) : cell_(cell) {}

  void Add(int32_t partition, const void* key, size_t key_bytes, const void* value,
           size_t value_bytes);
  CheckResult Result() const;

 private:
  struct Last {
    int64_t count = 0;
    int64_t sum = 0;
    int64_t count_max = 0;
    int32_t partition = -1;  // no output yet
  };
  static constexpr size_t kPageKeys = 4096;
  using Page = std::array<Last, kPageKeys>;

  Last& Of(int64_t key);
  void AddTotal(const Total& total, Last* last);

  Cell cell_;
  std::vector<std::unique_ptr<Page>> pages_;  // by number of the key; those without keys are null
  Digest digest_;
  CheckResult result_;
};

}  // namespace millrace::load
