// SPDX-License-Identifier: Apache-2.0
#include "bench/kafka/bare_consumer.h"

#include <array>
#include <chrono>
#include <vector>

#include "bench/kafka/consumer.h"
#include "bench/kafka/usage.h"

namespace millrace::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kBatch = 1000;
constexpr int kWaitMs = 10;
constexpr std::chrono::seconds kPatience{60};  // without a record

// Counts what came, and knows the time from the first record on.
class Meter {
 public:
  explicit Meter(const BareSpec& spec) : records_(spec.records), bytes_wanted_(spec.bytes) {}

  // Gives the message back to the library. Throws nothing: one that is kept would keep the client
  // from ending.
  void Count(rd_kafka_message_t* raw) {
    const kafka::MessagePtr message(raw);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      error_ = rd_kafka_message_errstr(raw);
      return;
    }
    ++count_;
    bytes_ += static_cast<int64_t>(message->len + message->key_len);
  }
  void Idle() const {
    EndIfInterrupted();
    Require(Steady::now() - began_ < kPatience + std::chrono::seconds(count_ / 10'000),
            "the bare consumer gets no more records");
  }
  // A record is there.
  void Begin() {
    if (count_ > 0) return;
    began_ = Steady::now();
    cpu_ = OwnCpuSeconds();
  }
  bool done() const {
    if (!error_.empty()) throw std::runtime_error("the bare consumer: " + error_);
    return count_ >= records_;
  }

  BareRun Result() const {
    Require(bytes_wanted_ == 0 || bytes_ == bytes_wanted_,
            "the bare consumer got " + std::to_string(bytes_) + " bytes, not " +
                std::to_string(bytes_wanted_));
    const double seconds = std::chrono::duration<double>(Steady::now() - began_).count();
    const auto records = static_cast<double>(records_);
    return {.records_per_s = records / seconds,
            .cpu_s_per_million = (OwnCpuSeconds() - cpu_) / records * 1e6};
  }

 private:
  int64_t records_;
  int64_t bytes_wanted_;
  int64_t count_ = 0;
  int64_t bytes_ = 0;
  std::string error_;
  Steady::time_point began_ = Steady::now();
  double cpu_ = 0;
};

Settings BareSettings() { return {{"group.id", "bench-bare"}}; }

}  // namespace

BareRun ConsumeInBatches(const BareSpec& spec) {
  Consumer consumer(spec.bootstrap, spec.topic, spec.partitions, BareSettings());
  consumer.Split();
  consumer.Assign(FromOffset(spec.partitions, 0));
  Meter meter(spec);
  std::array<rd_kafka_message_t*, kBatch> batch{};
  bool idle = false;
  while (!meter.done()) {
    if (idle) {
      meter.Idle();
      if (rd_kafka_message_t* other = consumer.Poll(kWaitMs)) meter.Count(other);
    }
    idle = true;
    for (const kafka::QueuePtr& queue : consumer.queues()) {
      const auto count = rd_kafka_consume_batch_queue(queue.get(), 0, batch.data(), kBatch);
      if (count <= 0) continue;
      idle = false;
      meter.Begin();
      for (ssize_t i = 0; i < count; ++i) meter.Count(batch[static_cast<size_t>(i)]);
    }
  }
  return meter.Result();
}

BareRun ConsumeByPoll(const BareSpec& spec) {
  Consumer consumer(spec.bootstrap, spec.topic, spec.partitions, BareSettings());
  consumer.Assign(FromOffset(spec.partitions, 0));
  Meter meter(spec);
  while (!meter.done()) {
    rd_kafka_message_t* message = consumer.Poll(kWaitMs);
    if (message == nullptr) {
      meter.Idle();
      continue;
    }
    meter.Begin();
    meter.Count(message);
  }
  return meter.Result();
}

}  // namespace millrace::bench
