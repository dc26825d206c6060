// SPDX-License-Identifier: Apache-2.0
#include "record_batch.h"

namespace millrace::load {

RecordBatch::RecordBatch(const Records* records)
    : records_(records),
      keys_(kRecordsMax * bench::kKeyBytes),
      values_(kRecordsMax * records->value_bytes()),
      messages_(kRecordsMax) {}

void RecordBatch::Append(int64_t index, const RecordHead& head) {
  char* key = keys_.data() + count_ * bench::kKeyBytes;
  char* value = values_.data() + count_ * records_->value_bytes();
  records_->Write(index, head, key, value);
  messages_[count_] = {};
  messages_[count_].key = key;
  messages_[count_].key_len = bench::kKeyBytes;
  messages_[count_].payload = value;
  messages_[count_].len = records_->value_bytes();
  ++count_;
}

}  // namespace millrace::load
