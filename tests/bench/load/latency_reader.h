// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/kafka/consumer.h"
#include "histogram.h"
#include "record.h"
#include "schedule.h"

namespace millrace::load {

struct LatencySpec {
  Cell cell = Cell::kPassThrough;
  Schedule schedule;
  int64_t records = 0;    // that the schedule holds
  int64_t warmup_ns = 0;  // records that are meant for this first part of it are not measured
};

// What has become of each record of a schedule, by the intended times in the outputs' tags. Outputs
// of other times belong to somebody else and are not counted. Pure; times come with the calls.
class LatencyCount {
 public:
  explicit LatencyCount(const LatencySpec& spec)
      : spec_(spec), seen_(static_cast<size_t>(spec.records)) {}

  void Add(const void* value, size_t bytes, int64_t now_ns);

  int64_t received() const { return received_; }  // records, each once
  int64_t repeated() const { return repeated_; }
  const Histogram& latency_ns() const { return latency_ns_; }

 private:
  LatencySpec spec_;
  std::vector<bool> seen_;
  int64_t received_ = 0;
  int64_t repeated_ = 0;
  Histogram latency_ns_;
};

// Reads a topic from where it ends at construction, committed records only, as soon as they come.
// Belongs to one thread; throws on every failure.
class LatencyReader {
 public:
  LatencyReader(const std::string& brokers, const std::string& topic);

  // A record's value, and when it came.
  using Sink = std::function<void(const void* value, size_t bytes, int64_t now_ns)>;
  // Waits a moment for the first record, then takes all that are there.
  void Read(const Sink& sink);

 private:
  static constexpr size_t kBatchRecords = 1000;

  void Take(rd_kafka_message_t* message, int64_t now_ns, const Sink& sink) const;

  std::string topic_;
  bench::Consumer consumer_;
  kafka::QueuePtr queue_;
  std::array<rd_kafka_message_t*, kBatchRecords> batch_{};
};

}  // namespace millrace::load
