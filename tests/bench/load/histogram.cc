// SPDX-License-Identifier: Apache-2.0
#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace millrace::load {

void Histogram::Add(int64_t value) {
  value = std::max<int64_t>(value, 0);
  ++buckets_[BucketOf(static_cast<uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

// Values of one doubling share `shift`; above 2 * kSubBuckets the highest bit is not kept.
size_t Histogram::BucketOf(uint64_t value) {
  const int width = std::bit_width(value);
  if (width <= kSubBits + 1) return static_cast<size_t>(value);
  const int shift = width - kSubBits - 1;
  return static_cast<size_t>(shift) * kSubBuckets + static_cast<size_t>(value >> shift);
}

uint64_t Histogram::LargestOf(size_t bucket) {
  if (bucket < 2 * kSubBuckets) return bucket;
  const size_t shift = bucket / kSubBuckets - 1;
  const uint64_t first = static_cast<uint64_t>(bucket - shift * kSubBuckets) << shift;
  return first + (uint64_t{1} << shift) - 1;
}

int64_t Histogram::Quantile(double share) const {
  const auto wanted =
      std::max<int64_t>(1, std::llround(std::ceil(share * static_cast<double>(count_))));
  int64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen < wanted) continue;
    return std::min(max_, static_cast<int64_t>(LargestOf(bucket)));
  }
  return max_;
}

}  // namespace millrace::load
