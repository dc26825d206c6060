// SPDX-License-Identifier: Apache-2.0
#include "check_topic.h"

#include "bench/kafka/check.h"
#include "schedule.h"
#include "topic_reader.h"

namespace millrace::load {

CheckResult CheckTopic(const CheckSpec& spec) {
  TopicReader reader(spec.brokers, spec.topic, "bench-check");
  TopicCheck check(spec.cell);
  const auto add = [&](int32_t partition, rd_kafka_message_t* const* records, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const rd_kafka_message_t& record = *records[i];
      check.Add(partition, record.key, record.key_len, record.payload, record.len);
    }
  };
  int64_t moved_ns = NowNs();
  while (!reader.reached_end()) {
    bench::EndIfInterrupted();
    if (reader.Read(add)) moved_ns = NowNs();
    if (!reader.held_back()) continue;
    if (NowNs() - moved_ns > spec.patience_seconds * 1'000'000'000) break;
  }
  CheckResult result = check.Result();
  result.open_transaction = !reader.reached_end();
  return result;
}

}  // namespace millrace::load
