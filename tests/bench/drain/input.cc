// SPDX-License-Identifier: Apache-2.0
#include "input.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "clients.h"
#include "topics.h"

namespace millrace::drain {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kKeyBytes = 10;
constexpr size_t kValueBytes = 90;
constexpr size_t kBatch = 1000;
constexpr int kInFlightRecordsMax = 500'000;
constexpr uint64_t kAmountMax = 1'000'000;

// "k" and nine digits.
void WriteKey(uint64_t key, char* out) {
  out[0] = 'k';
  for (size_t at = kKeyBytes - 1; at > 0; --at, key /= 10) {
    out[at] = static_cast<char>('0' + key % 10);
  }
}

// One batch of records in memory that stays in place, as rd_kafka_produce_batch wants it.
class Batch {
 public:
  explicit Batch(const InputSpec& spec)
      : keys_(static_cast<uint64_t>(spec.keys)), random_(spec.seed) {
    for (auto& value : values_) {
      for (char& byte : value) byte = static_cast<char>('a' + random_() % 26);
    }
  }

  // Numbers of the keys go to `used`.
  size_t Fill(size_t count, std::vector<bool>* used, int64_t* amount_sum) {
    messages_.fill({});
    for (size_t i = 0; i < count; ++i) {
      const uint64_t key = random_() % keys_;
      WriteKey(key, names_[i].data());
      const auto amount = static_cast<int64_t>(random_() % kAmountMax);
      std::memcpy(values_[i].data(), &amount, sizeof(amount));
      (*used)[key] = true;
      *amount_sum += amount;
      messages_[i].key = names_[i].data();
      messages_[i].key_len = kKeyBytes;
      messages_[i].payload = values_[i].data();
      messages_[i].len = kValueBytes;
    }
    return count;
  }
  rd_kafka_message_t* messages() { return messages_.data(); }

 private:
  uint64_t keys_;
  std::mt19937_64 random_;
  std::array<std::array<char, kKeyBytes>, kBatch> names_{};
  std::array<std::array<char, kValueBytes>, kBatch> values_{};
  std::array<rd_kafka_message_t, kBatch> messages_{};
};

void AwaitRoom(rd_kafka_t* client, int in_flight_max) {
  while (rd_kafka_outq_len(client) > in_flight_max) {
    EndIfInterrupted();
    rd_kafka_poll(client, 10);
  }
}

}  // namespace

Input Produce(const std::string& bootstrap, const InputSpec& spec) {
  Require(spec.keys > 0 && spec.keys <= 1'000'000'000, "--keys must lie in 1 to 1000000000");
  CreateTopic(bootstrap, spec.topic, spec.partitions);
  const ClientPtr client = NewClient(RD_KAFKA_PRODUCER, bootstrap,
                                     {{"enable.idempotence", "true"},
                                      {"partitioner", "murmur2_random"},
                                      {"linger.ms", "20"},
                                      {"queue.buffering.max.messages", "1000000"},
                                      {"delivery.report.only.error", "true"}});
  const kafka::TopicPtr topic(rd_kafka_topic_new(client.get(), spec.topic.c_str(), nullptr));
  Require(topic != nullptr, "cannot produce to " + spec.topic);
  Input input{.spec = spec};
  std::vector<bool> used(static_cast<size_t>(spec.keys));
  const auto batch = std::make_unique<Batch>(spec);
  const auto began = Steady::now();
  for (int64_t done = 0; done < spec.records;) {
    AwaitRoom(client.get(), kInFlightRecordsMax);
    const auto wanted = static_cast<size_t>(std::min<int64_t>(kBatch, spec.records - done));
    const size_t count = batch->Fill(wanted, &used, &input.amount_sum);
    const int taken =
        rd_kafka_produce_batch(topic.get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                               batch->messages(), static_cast<int>(count));
    Require(taken == static_cast<int>(count), "the producer refuses records for " + spec.topic);
    done += static_cast<int64_t>(count);
  }
  AwaitRoom(client.get(), 0);
  input.seconds = std::chrono::duration<double>(Steady::now() - began).count();
  input.keys_used = std::count(used.begin(), used.end(), true);
  const int64_t there = CountRecords(bootstrap, spec.topic, spec.partitions);
  Require(there == spec.records, spec.topic + " holds " + std::to_string(there) + " records, not " +
                                     std::to_string(spec.records));
  return input;
}

}  // namespace millrace::drain
