// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/kafka/consumer.h"
#include "bench/kafka/topics.h"

namespace millrace::load {

// Reads every partition of a topic in batches from where it begins, committed records only, with
// the limits of the host's consumer. Belongs to one thread; throws on every failure.
class TopicReader {
 public:
  // `group` is not joined.
  TopicReader(const std::string& brokers, const std::string& topic, const std::string& group);

  // Records of one partition, in order, until the next call.
  using Batch =
      std::function<void(int32_t partition, rd_kafka_message_t* const* records, size_t count)>;
  // Pops each partition once; if all were empty, waits a moment. Answers whether anything came.
  bool Read(const Batch& batch);

  int partitions() const { return static_cast<int>(ends_.size()); }
  // Every record that was there at the start has come, or was passed over as aborted.
  bool reached_end() const;
  // What has not come stands behind an open transaction, or a committed one whose mark the broker
  // has still to write: it acknowledges the commit before.
  bool held_back() const;
  rd_kafka_t* client() { return consumer_.client(); }

 private:
  static constexpr size_t kBatchRecords = 1000;

  void Sort(size_t partition, size_t count, const Batch& batch);
  void Note(size_t partition, const rd_kafka_message_t& message);
  [[noreturn]] void Refuse(const rd_kafka_message_t* message) const;

  std::string topic_;
  std::vector<bench::OffsetRange> ends_;  // by partition
  enum class At { kRecords, kOpenTransaction, kEnd };
  std::vector<At> at_;  // by partition
  bench::Consumer consumer_;
  std::array<rd_kafka_message_t*, kBatchRecords> batch_{};
};

}  // namespace millrace::load
