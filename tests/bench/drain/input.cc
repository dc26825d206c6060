// SPDX-License-Identifier: Apache-2.0
#include "input.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "bench/kafka/bulk_producer.h"
#include "bench/kafka/record_key.h"
#include "bench/kafka/topics.h"

namespace millrace::drain {
namespace {

using Steady = std::chrono::steady_clock;

using bench::kKeyBytes;

constexpr size_t kValueBytes = kInputRecordBytes - kKeyBytes;
constexpr size_t kBatch = 1000;
constexpr uint64_t kAmountMax = 1'000'000;

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
      bench::WriteKey(key, names_[i].data());
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

}  // namespace

Input Produce(const std::string& bootstrap, const InputSpec& spec) {
  bench::Require(spec.keys > 0 && spec.keys <= bench::kKeysMax,
                 "--keys must lie in 1 to 1000000000");
  bench::CreateTopic(bootstrap, spec.topic, spec.partitions);
  bench::BulkProducer producer(bootstrap, spec.topic);
  Input input{.spec = spec};
  std::vector<bool> used(static_cast<size_t>(spec.keys));
  const auto batch = std::make_unique<Batch>(spec);
  const auto began = Steady::now();
  for (int64_t done = 0; done < spec.records;) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(kBatch, spec.records - done));
    const size_t count = batch->Fill(wanted, &used, &input.amount_sum);
    producer.Send(batch->messages(), count);
    done += static_cast<int64_t>(count);
  }
  producer.Finish();
  input.seconds = std::chrono::duration<double>(Steady::now() - began).count();
  input.keys_used = std::count(used.begin(), used.end(), true);
  const int64_t there = bench::CountRecords(bootstrap, spec.topic, spec.partitions);
  bench::Require(there == spec.records, spec.topic + " holds " + std::to_string(there) +
                                            " records, not " + std::to_string(spec.records));
  return input;
}

}  // namespace millrace::drain
