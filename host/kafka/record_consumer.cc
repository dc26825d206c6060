// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_consumer.h"

#include <algorithm>
#include <utility>

#include "kafka/client.h"
#include "kafka/record_batch.h"

namespace millrace::kafka {
namespace {

constexpr int64_t kPartitionQueueKbytesMin = 1024;
constexpr int kPartitionQueueRecordsMin = 2000;
constexpr uint64_t kWake = 1;  // what an eventfd wants to be written
// A full partition queue is looked at again only when the client's broker thread wakes up, which
// takes up to a second before 2.2 (no fetch.queue.backoff.ms): 0.11 instead of 0.90 M records/s
// with 20,000 records queued per partition. A metadata refresh wakes it as well.
constexpr const char* kRefetchIntervalMs = "50";
// A partition joins the next fetch of its broker, and a fetch for partitions that are at their end
// lasts this long: at the library's 500 ms a lane with one busy partition of four reached 0.06 M
// records/s, at 20 ms 0.62 M. Broker and client spend the same when idle.
constexpr const char* kFetchWaitMaxMs = "20";

std::string RetainedRange(rd_kafka_t* rk, const TopicPartition& at) {
  int64_t low = RD_KAFKA_OFFSET_INVALID;
  int64_t high = RD_KAFKA_OFFSET_INVALID;
  rd_kafka_get_watermark_offsets(rk, at.topic.c_str(), at.partition, &low, &high);
  if (low < 0 || high < 0) return "";
  return ", which retains [" + std::to_string(low) + ", " + std::to_string(high) + ")";
}

Error ErrorOf(rd_kafka_t* rk, const TopicPartition& at, const rd_kafka_message_t& message) {
  const std::string where = Coordinates(at.topic, at.partition, message.offset);
  const std::string reason = rd_kafka_message_errstr(&message);
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return Fatal(where + " is not in the topic" + RetainedRange(rk, at) + " (" + reason +
                   "); raise the topic's retention, or move the group's offset on purpose");
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return Fatal(where + " may not be read by this user: " + reason);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
      return Fatal(where + " cannot be decoded: " + reason);
    default:
      return Retriable(where + " is not read at the moment: " + reason);
  }
}

// What source and partitions share; goes with the last of them.
struct Shared {
  std::unique_ptr<Client> client;
  std::shared_ptr<BatchPool> pool = std::make_shared<BatchPool>();
  QueuePtr main_queue;
  int wake_fd = -1;

  ~Shared() {
    if (main_queue) rd_kafka_queue_io_event_enable(main_queue.get(), -1, nullptr, 0);
    main_queue.reset();
  }
};

class ConsumedPartition final : public ingest::PartitionSource {
 public:
  ConsumedPartition(std::shared_ptr<Shared> shared, const TopicPartition& at, int64_t offset);
  ~ConsumedPartition() override;
  ingest::Popped Pop(size_t max_records) override;
  std::optional<int64_t> end_offset() const override;

 private:
  PartitionListPtr AsList(int64_t offset) const;
  void Drain();
  void Sort(BatchBuffer* buffer, ingest::Popped* popped);
  void TakeError(const rd_kafka_message_t& message, ingest::Popped* popped);

  std::shared_ptr<Shared> shared_;
  TopicPartition at_;
  QueuePtr queue_;
  bool assigned_ = false;
  std::optional<Error> fatal_;
  std::optional<int64_t> drained_at_;  // no record popped since the end was seen
};

ConsumedPartition::ConsumedPartition(std::shared_ptr<Shared> shared, const TopicPartition& at,
                                     int64_t offset)
    : shared_(std::move(shared)), at_(at) {
  rd_kafka_t* rk = shared_->client->get();
  queue_.reset(rd_kafka_queue_get_partition(rk, at.topic.c_str(), at.partition));
  // Split before assigning: nothing may reach the consumer's common queue.
  rd_kafka_queue_forward(queue_.get(), nullptr);
  Drain();
  if (shared_->wake_fd >= 0) {
    rd_kafka_queue_io_event_enable(queue_.get(), shared_->wake_fd, &kWake, sizeof(kWake));
  }
  ErrorPtr error(rd_kafka_incremental_assign(rk, AsList(offset).get()));
  if (error) {
    fatal_ = Fatal(Coordinates(at.topic, at.partition, offset) +
                   " cannot be assigned: " + rd_kafka_error_string(error.get()));
  }
  assigned_ = !error;
}

ConsumedPartition::~ConsumedPartition() {
  rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);
  if (!assigned_) return;
  const PartitionListPtr list = AsList(RD_KAFKA_OFFSET_INVALID);
  ErrorPtr error(rd_kafka_incremental_unassign(shared_->client->get(), list.get()));
  if (error) shared_->client->Log(4, rd_kafka_error_string(error.get()));
  Drain();
}

PartitionListPtr ConsumedPartition::AsList(int64_t offset) const {
  PartitionListPtr list = NewPartitionList(1);
  rd_kafka_topic_partition_list_add(list.get(), at_.topic.c_str(), at_.partition)->offset = offset;
  return list;
}

// Throws away what a former assignment left in the queue, which outlives assignments.
void ConsumedPartition::Drain() {
  rd_kafka_message_t* message = nullptr;
  while (rd_kafka_consume_batch_queue(queue_.get(), 0, &message, 1) == 1) {
    rd_kafka_message_destroy(message);
  }
}

ingest::Popped ConsumedPartition::Pop(size_t max_records) {
  ingest::Popped popped;
  if (fatal_) {
    popped.error = fatal_;
    return popped;
  }
  std::unique_ptr<BatchBuffer> buffer = shared_->pool->Take();
  buffer->messages.resize(max_records);
  const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, buffer->messages.data(),
                                                     buffer->messages.size());
  buffer->messages.resize(count > 0 ? static_cast<size_t>(count) : 0);
  if (count > 0) Sort(buffer.get(), &popped);
  if (buffer->messages.empty()) {
    shared_->pool->Give(std::move(buffer));
  } else {
    popped.batch = std::make_unique<MessageBatch>(shared_->pool, std::move(buffer));
  }
  if (popped.error && popped.error->error_class == ErrorClass::kFatal) fatal_ = popped.error;
  return popped;
}

// Keeps the records in `buffer`; ends and errors travel among them as messages of their own.
void ConsumedPartition::Sort(BatchBuffer* buffer, ingest::Popped* popped) {
  size_t kept = 0;
  buffer->records.reserve(buffer->messages.size());
  for (rd_kafka_message_t* message : buffer->messages) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      buffer->records.push_back(ViewOf(*message));
      buffer->messages[kept++] = message;
      popped->end.reset();
      drained_at_.reset();
    } else {
      TakeError(*message, popped);
      rd_kafka_message_destroy(message);
    }
  }
  buffer->messages.resize(kept);
}

void ConsumedPartition::TakeError(const rd_kafka_message_t& message, ingest::Popped* popped) {
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    popped->end = drained_at_ = message.offset;
  } else if (!popped->error || popped->error->error_class != ErrorClass::kFatal) {
    popped->error = ErrorOf(shared_->client->get(), at_, message);
  }
}

std::optional<int64_t> ConsumedPartition::end_offset() const {
  // While drained this is the last stable offset; the high watermark may lie behind it when a
  // transaction is open.
  if (drained_at_ && rd_kafka_queue_length(queue_.get()) == 0) return drained_at_;
  int64_t low = RD_KAFKA_OFFSET_INVALID;
  int64_t high = RD_KAFKA_OFFSET_INVALID;
  rd_kafka_get_watermark_offsets(shared_->client->get(), at_.topic.c_str(), at_.partition, &low,
                                 &high);
  return high >= 0 ? std::optional(high) : std::nullopt;
}

class RecordConsumer final : public ingest::RecordSource {
 public:
  explicit RecordConsumer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  std::unique_ptr<ingest::PartitionSource> Open(const TopicPartition& at, int64_t offset) override {
    return std::make_unique<ConsumedPartition>(shared_, at, offset);
  }

  void Serve() override {
    while (MessagePtr message{rd_kafka_consumer_poll(shared_->client->get(), 0)}) {
      if (message->err) shared_->client->Log(4, rd_kafka_message_errstr(message.get()));
    }
  }

 private:
  std::shared_ptr<Shared> shared_;
};

ConfBuilder ConfOf(const RecordConsumerOptions& options) {
  ConfBuilder conf(options.client.properties);
  const int partitions = std::max(options.partitions_expected, 1);
  conf.SetDefault(
      "queued.max.messages.kbytes",
      std::to_string(std::max(options.queue_bytes / partitions / 1024, kPartitionQueueKbytesMin)));
  conf.SetDefault(
      "queued.min.messages",
      std::to_string(std::max(options.queued_records / partitions, kPartitionQueueRecordsMin)));
  if (!conf.TrySetDefault("fetch.queue.backoff.ms", kRefetchIntervalMs)) {
    conf.SetDefault("topic.metadata.refresh.interval.ms", kRefetchIntervalMs);
  }
  conf.SetDefault("fetch.wait.max.ms", kFetchWaitMaxMs);
  conf.Set("group.id", options.group);
  conf.Set("enable.auto.commit", "false");
  conf.Set("enable.auto.offset.store", "false");
  conf.Set("enable.partition.eof", "true");
  conf.Set("isolation.level", "read_committed");
  conf.Set("auto.offset.reset", "error");
  conf.SetDefault("allow.auto.create.topics", "false");
  return conf;
}

}  // namespace

Result<std::unique_ptr<ingest::RecordSource>> MakeRecordConsumer(
    const RecordConsumerOptions& options) {
  auto shared = std::make_shared<Shared>();
  shared->wake_fd = options.wake_fd;
  auto client = Client::Create(RD_KAFKA_CONSUMER, ConfOf(options), options.client, shared.get());
  if (!client) return client.error();
  shared->client = std::move(*client);
  rd_kafka_poll_set_consumer(shared->client->get());
  shared->main_queue.reset(rd_kafka_queue_get_consumer(shared->client->get()));
  if (options.wake_fd >= 0) {
    rd_kafka_queue_io_event_enable(shared->main_queue.get(), options.wake_fd, &kWake,
                                   sizeof(kWake));
  }
  return std::unique_ptr<ingest::RecordSource>(new RecordConsumer(std::move(shared)));
}

}  // namespace millrace::kafka
