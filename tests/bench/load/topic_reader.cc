// SPDX-License-Identifier: Apache-2.0
#include "topic_reader.h"

#include <algorithm>
#include <stdexcept>

namespace millrace::load {
namespace {

constexpr int kIdleWaitMs = 1;

bench::Settings SettingsOf(int partitions, const std::string& group) {
  bench::Settings settings = bench::HostConsumerSettings(partitions);
  settings.emplace_back("group.id", group);
  return settings;
}

bool IsHarmless(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_NO_ERROR || bench::IsPassing(error);
}

}  // namespace

TopicReader::TopicReader(const std::string& brokers, const std::string& topic,
                         const std::string& group)
    : topic_(topic),
      ends_(bench::Retained(brokers, topic)),
      at_(ends_.size(), At::kRecords),
      consumer_(brokers, topic, partitions(), SettingsOf(partitions(), group)) {
  std::vector<int64_t> begins;
  for (size_t i = 0; i < ends_.size(); ++i) {
    begins.push_back(ends_[i].begin);
    if (ends_[i].begin == ends_[i].end) at_[i] = At::kEnd;
  }
  consumer_.Split();
  consumer_.Assign(begins);
}

bool TopicReader::Read(const Batch& batch) {
  bool idle = true;
  for (size_t i = 0; i < ends_.size(); ++i) {
    const auto count =
        rd_kafka_consume_batch_queue(consumer_.queues()[i].get(), 0, batch_.data(), kBatchRecords);
    if (count <= 0) continue;
    idle = false;
    Sort(i, static_cast<size_t>(count), batch);
  }
  const kafka::MessagePtr other(consumer_.Poll(idle ? kIdleWaitMs : 0));
  if (other && !IsHarmless(other->err)) Refuse(other.get());
  return !idle;
}

// Ends travel among the records; what is left without them goes to the batch.
void TopicReader::Sort(size_t partition, size_t count, const Batch& batch) {
  std::vector<kafka::MessagePtr> owners;
  owners.reserve(count);
  for (size_t i = 0; i < count; ++i) owners.emplace_back(batch_[i]);
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    Note(partition, *batch_[i]);
    if (batch_[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) batch_[kept++] = batch_[i];
  }
  if (kept > 0) batch(static_cast<int32_t>(partition), batch_.data(), kept);
}

void TopicReader::Note(size_t partition, const rd_kafka_message_t& message) {
  if (!IsHarmless(message.err) && message.err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    Refuse(&message);
  }
  if (at_[partition] == At::kEnd) return;
  const int64_t end = ends_[partition].end;
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    at_[partition] = message.offset + 1 >= end ? At::kEnd : At::kRecords;
  } else if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    at_[partition] = message.offset >= end ? At::kEnd : At::kOpenTransaction;
  }
}

void TopicReader::Refuse(const rd_kafka_message_t* message) const {
  throw std::runtime_error("reading " + topic_ + ", partition " +
                           std::to_string(message->partition) + ": " +
                           rd_kafka_message_errstr(message));
}

bool TopicReader::reached_end() const {
  return std::all_of(at_.begin(), at_.end(), [](At at) { return at == At::kEnd; });
}

bool TopicReader::held_back() const {
  return !reached_end() &&
         std::none_of(at_.begin(), at_.end(), [](At at) { return at == At::kRecords; });
}

}  // namespace millrace::load
