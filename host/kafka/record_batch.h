// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "ingest/record_source.h"
#include "kafka/handle.h"

namespace millrace::kafka {

// Memory of one batch, kept between batches. Private to this folder.
struct BatchBuffer {
  std::vector<rd_kafka_message_t*> messages;
  std::vector<RecordView> records;
};

// Buffers that no batch uses at the moment. One lane's thread.
class BatchPool {
 public:
  std::unique_ptr<BatchBuffer> Take();
  void Give(std::unique_ptr<BatchBuffer> buffer);

 private:
  std::vector<std::unique_ptr<BatchBuffer>> free_;
};

// Owns its messages; gives the buffer back when destroyed.
class MessageBatch final : public ingest::RecordBatch {
 public:
  MessageBatch(std::shared_ptr<BatchPool> pool, std::unique_ptr<BatchBuffer> buffer);
  ~MessageBatch() override;
  std::span<const RecordView> records() const override { return buffer_->records; }
  void ReadHeaders(size_t index, std::vector<HeaderView>* headers) const override;

 private:
  std::shared_ptr<BatchPool> pool_;
  std::unique_ptr<BatchBuffer> buffer_;
};

RecordView ViewOf(const rd_kafka_message_t& message);

}  // namespace millrace::kafka
