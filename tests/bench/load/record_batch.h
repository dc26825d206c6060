// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "record.h"

namespace millrace::load {

// Records in memory that stay in place, as a BulkProducer takes them.
class RecordBatch {
 public:
  static constexpr size_t kRecordsMax = 1000;

  explicit RecordBatch(const Records* records);
  RecordBatch(const RecordBatch&) = delete;
  RecordBatch& operator=(const RecordBatch&) = delete;

  void Clear() { count_ = 0; }
  void Append(int64_t index, const RecordHead& head);

  size_t count() const { return count_; }
  bool full() const { return count_ == kRecordsMax; }
  rd_kafka_message_t* messages() { return messages_.data(); }
  // Of the record that was appended last.
  const char* key() const { return keys_.data() + (count_ - 1) * bench::kKeyBytes; }
  const char* value() const { return values_.data() + (count_ - 1) * records_->value_bytes(); }

 private:
  const Records* records_;
  size_t count_ = 0;
  std::vector<char> keys_;
  std::vector<char> values_;
  std::vector<rd_kafka_message_t> messages_;
};

}  // namespace millrace::load
