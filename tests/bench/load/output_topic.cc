// SPDX-License-Identifier: Apache-2.0
#include "output_topic.h"

#include <algorithm>

#include "model/output_id.h"

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

OutputTopic::OutputTopic(rd_kafka_t* producer, const PublisherSpec& spec)
    : producer_(producer),
      name_(spec.output),
      topic_(bench::OpenTopic(producer, name_)),
      as_host_(spec.as_host) {
  for (int32_t i = 0; i < spec.partitions; ++i) {
    sources_.push_back(OutputSource(spec.group, spec.input, i));
  }
}

void OutputTopic::Send(int32_t partition, rd_kafka_message_t* const* records, size_t count) {
  AwaitRoom(*records[0]);
  if (!as_host_) return SendBatch(partition, records, count);
  const std::string& source = sources_[static_cast<size_t>(partition)];
  for (size_t i = 0; i < count; ++i) SendAsHost(source, *records[i]);
}

void OutputTopic::SendBatch(int32_t partition, rd_kafka_message_t* const* records, size_t count) {
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

void OutputTopic::SendAsHost(const std::string& source, const rd_kafka_message_t& record) {
  const Slice id =
      FormatOutputId({.source = Slice(source), .offset = record.offset, .index = 0}, &id_);
  rd_kafka_headers_t* headers = rd_kafka_headers_new(1);
  rd_kafka_header_add(headers, kOutputIdHeader.data(), static_cast<ssize_t>(kOutputIdHeader.size()),
                      id.data(), static_cast<ssize_t>(id.size()));
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const auto error = rd_kafka_producev(
      producer_, RD_KAFKA_V_RKT(topic_.get()), RD_KAFKA_V_PARTITION(record.partition),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(record.key, record.key_len),
      RD_KAFKA_V_VALUE(record.payload, record.len),
      RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(&record, &type)), RD_KAFKA_V_HEADERS(headers),
      RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
  bench::Require(error == RD_KAFKA_RESP_ERR_NO_ERROR,
                 name_ + "/" + std::to_string(record.partition) +
                     " takes no records: " + rd_kafka_err2str(error));
}

void OutputTopic::AwaitRoom(const rd_kafka_message_t& like) const {
  const size_t bytes = like.len + like.key_len + kMessageOverheadBytes;
  while (static_cast<size_t>(rd_kafka_outq_len(producer_)) * bytes > kInFlightBytesMax) {
    bench::EndIfInterrupted();
    rd_kafka_poll(producer_, kWaitMs);
  }
}

}  // namespace millrace::load
