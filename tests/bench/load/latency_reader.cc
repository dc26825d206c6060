// SPDX-License-Identifier: Apache-2.0
#include "latency_reader.h"

#include "bench/kafka/topics.h"

namespace millrace::load {
namespace {

constexpr int kWaitMs = 10;
// An output is handed out when it comes; this bounds only how long a fetch without any lasts.
constexpr const char* kFetchWaitMaxMs = "10";

bench::Settings SettingsOf(const std::string& topic) {
  return {{"group.id", "bench-pace-" + topic},
          {"isolation.level", "read_committed"},
          {"auto.offset.reset", "error"},
          {"fetch.wait.max.ms", kFetchWaitMaxMs},
          {"fetch.error.backoff.ms", "20"},
          {"socket.nagle.disable", "true"},
          {"topic.metadata.refresh.interval.ms", "50"}};
}

std::vector<int64_t> EndsOf(const std::vector<bench::OffsetRange>& ranges) {
  std::vector<int64_t> ends;
  for (const bench::OffsetRange& range : ranges) ends.push_back(range.end);
  return ends;
}

}  // namespace

void LatencyCount::Add(const void* value, size_t bytes, int64_t now_ns) {
  const auto tag = static_cast<int64_t>(TagOf(spec_.cell, value, bytes));
  const auto index = spec_.schedule.IndexOf(tag);
  if (!index || *index >= spec_.records) return;
  if (seen_[static_cast<size_t>(*index)]) {
    ++repeated_;
    return;
  }
  seen_[static_cast<size_t>(*index)] = true;
  ++received_;
  if (tag >= spec_.schedule.start_ns + spec_.warmup_ns) latency_ns_.Add(now_ns - tag);
}

LatencyReader::LatencyReader(const std::string& brokers, const std::string& topic)
    : topic_(topic),
      consumer_(brokers, topic, static_cast<int>(bench::Retained(brokers, topic).size()),
                SettingsOf(topic)) {
  consumer_.Assign(EndsOf(bench::Retained(brokers, topic)));
  queue_.reset(rd_kafka_queue_get_consumer(consumer_.client()));
}

void LatencyReader::Read(const Sink& sink) {
  rd_kafka_message_t* first = consumer_.Poll(kWaitMs);
  if (first == nullptr) return;
  Take(first, NowNs(), sink);
  const auto more = rd_kafka_consume_batch_queue(queue_.get(), 0, batch_.data(), kBatchRecords);
  const int64_t now_ns = NowNs();
  for (ssize_t i = 0; i < more; ++i) Take(batch_[static_cast<size_t>(i)], now_ns, sink);
}

void LatencyReader::Take(rd_kafka_message_t* message, int64_t now_ns, const Sink& sink) const {
  const kafka::MessagePtr owner(message);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    bench::Require(bench::IsPassing(message->err),
                   "reading " + topic_ + ": " + rd_kafka_message_errstr(message));
    return;
  }
  sink(message->payload, message->len, now_ns);
}

}  // namespace millrace::load
