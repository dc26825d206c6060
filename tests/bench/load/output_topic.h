// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/kafka/clients.h"
#include "publisher.h"

namespace millrace::load {

// What the host's producers are set to, both of them; their linger is their own.
bench::Settings HostProducerSettings();

// The offsets behind what was sent, by partition of the input. A value.
class Offsets {
 public:
  Offsets(std::string topic, int partitions)
      : topic_(std::move(topic)), next_(static_cast<size_t>(partitions), -1) {}

  void Set(int32_t partition, int64_t next) { next_[static_cast<size_t>(partition)] = next; }
  kafka::PartitionListPtr List() const;  // without partitions of which nothing was sent
  bool operator==(const Offsets&) const = default;

 private:
  std::string topic_;
  std::vector<int64_t> next_;
};

// Hands records to a producer of one topic, whole batches by one call with key and value alone. Or,
// as the host must, each by a call of its own with the timestamp of the input and its id in a
// header: no call of librdkafka for batches takes those. Belongs to one thread; throws on failure.
class OutputTopic {
 public:
  OutputTopic(rd_kafka_t* producer, const PublisherSpec& spec);

  // Copies the records; waits for room as the host's lane does.
  void Send(int32_t partition, rd_kafka_message_t* const* records, size_t count);
  const std::string& name() const { return name_; }

 private:
  void AwaitRoom(const rd_kafka_message_t& like) const;
  void SendBatch(int32_t partition, rd_kafka_message_t* const* records, size_t count);
  void SendAsHost(const std::string& source, const rd_kafka_message_t& record);

  rd_kafka_t* producer_;
  std::string name_;
  kafka::TopicPtr topic_;
  std::vector<rd_kafka_message_t> messages_;
  bool as_host_;
  std::vector<std::string> sources_;  // of ids, by partition of the input
  std::string id_;
};

}  // namespace millrace::load
