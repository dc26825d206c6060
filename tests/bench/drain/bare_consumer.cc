// SPDX-License-Identifier: Apache-2.0
#include "bare_consumer.h"

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <vector>

#include "clients.h"

namespace millrace::drain {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kBatch = 1000;
constexpr int kWaitMs = 10;
constexpr int64_t kRecordBytes = 100;
constexpr std::chrono::seconds kPatience{60};  // without a record

double OwnCpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

// Counts what came, and knows the time from the first record on.
class Meter {
 public:
  explicit Meter(const Input& input) : records_(input.spec.records) {}

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
    Require(error_.empty(), "the bare consumer: " + error_);
    return count_ >= records_;
  }

  BareRun Result() const {
    Require(bytes_ == records_ * kRecordBytes, "the bare consumer missed bytes");
    const double seconds = std::chrono::duration<double>(Steady::now() - began_).count();
    const auto records = static_cast<double>(records_);
    return {.records_per_s = records / seconds,
            .cpu_s_per_million = (OwnCpuSeconds() - cpu_) / records * 1e6};
  }

 private:
  int64_t records_;
  int64_t count_ = 0;
  int64_t bytes_ = 0;
  std::string error_;
  Steady::time_point began_ = Steady::now();
  double cpu_ = 0;
};

struct Consumer {
  ClientPtr client;
  kafka::PartitionListPtr partitions;
  std::vector<kafka::QueuePtr> queues;  // empty until Split; they end before the client

  Consumer(const std::string& bootstrap, const Input& input)
      : client(NewClient(RD_KAFKA_CONSUMER, bootstrap,
                         {{"group.id", "drain-bare"}, {"enable.auto.commit", "false"}})),
        partitions(kafka::NewPartitionList(input.spec.partitions)) {
    rd_kafka_poll_set_consumer(client.get());
    for (int i = 0; i < input.spec.partitions; ++i) {
      rd_kafka_topic_partition_list_add(partitions.get(), input.spec.topic.c_str(), i)->offset = 0;
    }
  }
  // Before Assign: nothing may reach the common queue.
  void Split() {
    for (int i = 0; i < partitions->cnt; ++i) {
      const auto& at = partitions->elems[i];
      queues.emplace_back(rd_kafka_queue_get_partition(client.get(), at.topic, at.partition));
      rd_kafka_queue_forward(queues.back().get(), nullptr);
    }
  }
  void Assign() {
    const auto error = rd_kafka_assign(client.get(), partitions.get());
    Require(error == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(error));
  }
  // The first error, or record of a queue that was not split.
  rd_kafka_message_t* Poll(int wait_ms) { return rd_kafka_consumer_poll(client.get(), wait_ms); }
  ~Consumer() {
    rd_kafka_assign(client.get(), nullptr);
    Drain();
  }

 private:
  // What is still queued would keep the client from ending.
  void Drain() {
    for (const kafka::QueuePtr& queue : queues) {
      rd_kafka_message_t* message = nullptr;
      while (rd_kafka_consume_batch_queue(queue.get(), 0, &message, 1) == 1) {
        rd_kafka_message_destroy(message);
      }
    }
    while (rd_kafka_message_t* message = Poll(0)) rd_kafka_message_destroy(message);
  }
};

}  // namespace

BareRun ConsumeInBatches(const std::string& bootstrap, const Input& input) {
  Consumer consumer(bootstrap, input);
  consumer.Split();
  consumer.Assign();
  Meter meter(input);
  std::array<rd_kafka_message_t*, kBatch> batch{};
  bool idle = false;
  while (!meter.done()) {
    if (idle) {
      meter.Idle();
      if (rd_kafka_message_t* other = consumer.Poll(kWaitMs)) meter.Count(other);
    }
    idle = true;
    for (const kafka::QueuePtr& queue : consumer.queues) {
      const auto count = rd_kafka_consume_batch_queue(queue.get(), 0, batch.data(), kBatch);
      if (count <= 0) continue;
      idle = false;
      meter.Begin();
      for (ssize_t i = 0; i < count; ++i) meter.Count(batch[static_cast<size_t>(i)]);
    }
  }
  return meter.Result();
}

BareRun ConsumeByPoll(const std::string& bootstrap, const Input& input) {
  Consumer consumer(bootstrap, input);
  consumer.Assign();
  Meter meter(input);
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

}  // namespace millrace::drain
