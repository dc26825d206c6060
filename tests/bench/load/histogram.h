// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

// Counts values of any size in buckets that are never wider than 1/128 of what they hold: exact
// below 256, and 128 buckets for every doubling above. Fixed memory, nothing is ever dropped.
class Histogram {
 public:
  void Add(int64_t value);  // what is negative counts as 0

  int64_t count() const { return count_; }
  int64_t max() const { return max_; }
  // The largest value that the bucket of this share of all values (0 to 1) can hold, so never less
  // than the true one; 0 of nothing.
  int64_t Quantile(double share) const;

 private:
  static constexpr int kSubBits = 7;
  static constexpr size_t kSubBuckets = 1 << kSubBits;
  static constexpr size_t kBuckets = (64 - kSubBits) * kSubBuckets;

  static size_t BucketOf(uint64_t value);
  static uint64_t LargestOf(size_t bucket);

  std::vector<int64_t> buckets_ = std::vector<int64_t>(kBuckets);
  int64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace millrace::load
