// SPDX-License-Identifier: Apache-2.0
#include "output_topic.h"

#include <algorithm>

namespace millrace::load {
namespace {

// As in the host: a lane's unacknowledged outputs, with what a queued one costs beside its bytes.
constexpr size_t kInFlightBytesMax = 32 << 20;
constexpr size_t kMessageOverheadBytes = 304;
constexpr int kWaitMs = 1;

}  // namespace

bench::Settings HostProducerSettings() {
  return {{"enable.idempotence", "true"},
          {"acks", "all"},
          {"linger.ms", "5"},
          {"topic.metadata.refresh.interval.ms", "5000"},
          {"queue.buffering.max.messages", "10000000"},
          {"queue.buffering.max.kbytes", "2097151"}};
}

kafka::PartitionListPtr Offsets::List() const {
  kafka::PartitionListPtr list = kafka::NewPartitionList(static_cast<int>(next_.size()));
  for (size_t i = 0; i < next_.size(); ++i) {
    if (next_[i] < 0) continue;
    rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), static_cast<int32_t>(i))->offset =
        next_[i];
  }
  return list;
}

OutputTopic::OutputTopic(rd_kafka_t* producer, std::string name)
    : producer_(producer), name_(std::move(name)), topic_(bench::OpenTopic(producer, name_)) {}

void OutputTopic::Send(int32_t partition, rd_kafka_message_t* const* records, size_t count) {
  AwaitRoom(*records[0]);
  messages_.resize(std::max(messages_.size(), count));
  for (size_t i = 0; i < count; ++i) {
    messages_[i] = {};
    messages_[i].key = records[i]->key;
    messages_[i].key_len = records[i]->key_len;
    messages_[i].payload = records[i]->payload;
    messages_[i].len = records[i]->len;
  }
  const int taken = rd_kafka_produce_batch(topic_.get(), partition, RD_KAFKA_MSG_F_COPY,
                                           messages_.data(), static_cast<int>(count));
  bench::Require(taken == static_cast<int>(count),
                 name_ + "/" + std::to_string(partition) + " takes no records");
}

void OutputTopic::AwaitRoom(const rd_kafka_message_t& like) const {
  const size_t bytes = like.len + like.key_len + kMessageOverheadBytes;
  while (static_cast<size_t>(rd_kafka_outq_len(producer_)) * bytes > kInFlightBytesMax) {
    bench::EndIfInterrupted();
    rd_kafka_poll(producer_, kWaitMs);
  }
}

}  // namespace millrace::load
