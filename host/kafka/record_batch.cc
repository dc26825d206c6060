// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_batch.h"

#include <utility>

namespace millrace::kafka {
namespace {

constexpr size_t kFreeBuffersMax = 16;

Slice SliceOf(const void* data, size_t size) {
  return data ? Slice(static_cast<const char*>(data), size) : Slice();
}

}  // namespace

std::unique_ptr<BatchBuffer> BatchPool::Take() {
  if (free_.empty()) return std::make_unique<BatchBuffer>();
  std::unique_ptr<BatchBuffer> buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void BatchPool::Give(std::unique_ptr<BatchBuffer> buffer) {
  buffer->messages.clear();
  buffer->records.clear();
  if (free_.size() < kFreeBuffersMax) free_.push_back(std::move(buffer));
}

MessageBatch::MessageBatch(std::shared_ptr<BatchPool> pool, std::unique_ptr<BatchBuffer> buffer)
    : pool_(std::move(pool)), buffer_(std::move(buffer)) {}

MessageBatch::~MessageBatch() {
  for (rd_kafka_message_t* message : buffer_->messages) rd_kafka_message_destroy(message);
  pool_->Give(std::move(buffer_));
}

void MessageBatch::ReadHeaders(size_t index, std::vector<HeaderView>* headers) const {
  headers->clear();
  rd_kafka_headers_t* list = nullptr;  // parsed on the first call, owned by the message
  if (rd_kafka_message_headers(buffer_->messages[index], &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;
  }
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(list, i, &name, &value, &size) == 0; ++i) {
    headers->push_back({Slice(name), SliceOf(value, size)});
  }
}

RecordView ViewOf(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type;
  return {.offset = message.offset,
          .timestamp_ms = rd_kafka_message_timestamp(&message, &type),
          .key = SliceOf(message.key, message.key_len),
          .value = SliceOf(message.payload, message.len)};
}

}  // namespace millrace::kafka
