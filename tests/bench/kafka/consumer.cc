// SPDX-License-Identifier: Apache-2.0
#include "bench/kafka/consumer.h"

#include <algorithm>

#include "kafka/record_consumer.h"

namespace millrace::bench {
namespace {

constexpr int64_t kPartitionQueueKbytesMin = 1024;
constexpr int kPartitionQueueRecordsMin = 2000;
constexpr const char* kRefetchIntervalMs = "50";
constexpr const char* kFetchWaitMaxMs = "20";
constexpr int64_t kQueueKbytes = 64 * 1024;  // lane_queue_bytes

}  // namespace

Settings HostConsumerSettings(int partitions) {
  const int queued_records = kafka::RecordConsumerOptions{}.queued_records;
  const char* refetch = IsSetting("fetch.queue.backoff.ms") ? "fetch.queue.backoff.ms"
                                                            : "topic.metadata.refresh.interval.ms";
  return {{"queued.max.messages.kbytes",
           std::to_string(std::max(kQueueKbytes / partitions, kPartitionQueueKbytesMin))},
          {"queued.min.messages",
           std::to_string(std::max(queued_records / partitions, kPartitionQueueRecordsMin))},
          {refetch, kRefetchIntervalMs},
          {"fetch.wait.max.ms", kFetchWaitMaxMs},
          {"enable.auto.offset.store", "false"},
          {"enable.partition.eof", "true"},
          {"isolation.level", "read_committed"},
          {"auto.offset.reset", "error"}};
}

Consumer::Consumer(const std::string& bootstrap, std::string topic, int partitions,
                   Settings settings)
    : topic_(std::move(topic)), partitions_(partitions) {
  settings.emplace_back("enable.auto.commit", "false");
  client_ = NewClient(RD_KAFKA_CONSUMER, bootstrap, std::move(settings));
  rd_kafka_poll_set_consumer(client_.get());
}

Consumer::~Consumer() {
  rd_kafka_assign(client_.get(), nullptr);
  Drain();
}

void Consumer::Split() {
  for (int i = 0; i < partitions_; ++i) {
    queues_.emplace_back(rd_kafka_queue_get_partition(client_.get(), topic_.c_str(), i));
    rd_kafka_queue_forward(queues_.back().get(), nullptr);
  }
}

void Consumer::Assign(const std::vector<int64_t>& offsets) {
  const kafka::PartitionListPtr list = kafka::NewPartitionList(partitions_);
  for (int i = 0; i < partitions_; ++i) {
    rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), i)->offset =
        offsets[static_cast<size_t>(i)];
  }
  const auto error = rd_kafka_assign(client_.get(), list.get());
  Require(error == RD_KAFKA_RESP_ERR_NO_ERROR,
          "reading " + topic_ + ": " + rd_kafka_err2str(error));
}

// What is still queued would keep the client from ending.
void Consumer::Drain() {
  for (const kafka::QueuePtr& queue : queues_) {
    rd_kafka_message_t* message = nullptr;
    while (rd_kafka_consume_batch_queue(queue.get(), 0, &message, 1) == 1) {
      rd_kafka_message_destroy(message);
    }
  }
  while (rd_kafka_message_t* message = Poll(0)) rd_kafka_message_destroy(message);
}

}  // namespace millrace::bench
