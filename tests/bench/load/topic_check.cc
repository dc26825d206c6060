// SPDX-License-Identifier: Apache-2.0
#include "topic_check.h"

#include <algorithm>
#include <stdexcept>

#include "expectation.h"

namespace millrace::load {

TopicCheck::Last& TopicCheck::Of(int64_t key) {
  const auto page = static_cast<size_t>(key) / kPageKeys;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (!pages_[page]) pages_[page] = std::make_unique<Page>();
  return (*pages_[page])[static_cast<size_t>(key) % kPageKeys];
}

void TopicCheck::Add(int32_t partition, const void* key, size_t key_bytes, const void* value,
                     size_t value_bytes) {
  const int64_t number = bench::ReadKey(key, key_bytes);
  if (number < 0) {
    throw std::runtime_error("partition " + std::to_string(partition) + " holds the key '" +
                             std::string(static_cast<const char*>(key), key_bytes) +
                             "', which is none of this benchmark (k and nine digits)");
  }
  Last& last = Of(number);
  if (last.partition < 0) ++result_.distinct_keys;
  if (last.partition >= 0 && last.partition != partition) ++result_.moved_keys;
  last.partition = partition;
  if (cell_ == Cell::kAggregate) AddTotal(ReadTotal(value, value_bytes), &last);
  digest_.Add(key, key_bytes, value, value_bytes);
  ++result_.records;
}

void TopicCheck::AddTotal(const Total& total, Last* last) {
  if (total.count != last->count + 1) ++result_.out_of_order;
  if (total.count <= last->count_max) ++result_.repeated;
  last->count = total.count;
  last->sum = total.sum;
  last->count_max = std::max(last->count_max, total.count);
}

CheckResult TopicCheck::Result() const {
  CheckResult result = result_;
  result.digest = digest_.Hex();
  Digest final_digest;
  std::array<char, bench::kKeyBytes> key;
  for (size_t page = 0; page < pages_.size(); ++page) {
    for (size_t i = 0; pages_[page] && i < kPageKeys; ++i) {
      const Last& last = (*pages_[page])[i];
      if (last.partition < 0) continue;
      bench::WriteKey(page * kPageKeys + i, key.data());
      AddFinal(key.data(), last.count, last.sum, &final_digest);
    }
  }
  result.final_digest = final_digest.Hex();
  return result;
}

}  // namespace millrace::load
