// SPDX-License-Identifier: Apache-2.0
#include "stats_reader.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <chrono>
#include <utility>

namespace auction_bids {
namespace {

using millrace::Fatal;
using millrace::Millis;
using millrace::Status;

constexpr size_t kRecordsPerRead = 10'000;
constexpr int kCallTimeoutMs = 10'000;
constexpr std::array<std::pair<const char*, const char*>, 4> kProperties = {{
    {"group.id", "auction-bids-view"},  // wanted by the client to assign; never joined
    {"enable.auto.commit", "false"},
    {"auto.offset.reset", "error"},
    {"isolation.level", "read_committed"},
}};

bool Passes(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__PARTITION_EOF || error == RD_KAFKA_RESP_ERR__TRANSPORT ||
         error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

}  // namespace

struct StatsReader::Handle {
  rd_kafka_t* client = nullptr;
  std::string topic;
  std::vector<int64_t> next;  // by partition: the offset after the last record given
  std::vector<int64_t> end;

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (client) rd_kafka_destroy(client);
  }

  Status Connect(const std::string& bootstrap);
  int Partitions(int timeout_ms) const;
  Status Assign(int partitions);
};

Status StatsReader::Handle::Connect(const std::string& bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> text{};
  bool set = true;
  const auto property = [&](const char* name, const char* value) {
    set = set && rd_kafka_conf_set(conf, name, value, text.data(), text.size()) == RD_KAFKA_CONF_OK;
  };
  property("bootstrap.servers", bootstrap.c_str());
  for (const auto& [name, value] : kProperties) property(name, value);
  if (set) client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text.data(), text.size());
  if (client) return {};
  rd_kafka_conf_destroy(conf);
  return Fatal("no client for " + bootstrap + ": " + text.data());
}

// 0 while the topic is not there.
int StatsReader::Handle::Partitions(int timeout_ms) const {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(client, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  int count = 0;
  if (rd_kafka_metadata(client, 0, handle, &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (metadata->topic_cnt == 1) count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
  }
  rd_kafka_topic_destroy(handle);
  return count;
}

Status StatsReader::Handle::Assign(int partitions) {
  next.assign(static_cast<size_t>(partitions), 0);
  end = next;
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = 0;
  }
  const rd_kafka_resp_err_t error = rd_kafka_assign(client, list);
  rd_kafka_topic_partition_list_destroy(list);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return Fatal("topic " + topic + " cannot be read: " + rd_kafka_err2str(error));
}

millrace::Result<std::unique_ptr<StatsReader>> StatsReader::Open(const std::string& bootstrap,
                                                                 const std::string& topic,
                                                                 Millis max_wait) {
  auto handle = std::make_unique<Handle>();
  handle->topic = topic;
  if (Status connected = handle->Connect(bootstrap); !connected) return connected.error();
  rd_kafka_poll_set_consumer(handle->client);
  const auto until = std::chrono::steady_clock::now() + max_wait;
  int partitions = 0;
  while (partitions == 0 && std::chrono::steady_clock::now() < until) {
    partitions = handle->Partitions(static_cast<int>(max_wait.count()));
    if (partitions == 0) rd_kafka_poll(handle->client, 100);
  }
  if (partitions == 0) return Fatal("topic " + topic + " is not at " + bootstrap);
  if (Status assigned = handle->Assign(partitions); !assigned) return assigned.error();
  return std::unique_ptr<StatsReader>(new StatsReader(std::move(handle)));
}

StatsReader::StatsReader(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}

StatsReader::~StatsReader() = default;

millrace::Result<std::vector<std::string>> StatsReader::Read(Millis max_wait) {
  std::vector<std::string> values;
  int wait_ms = static_cast<int>(max_wait.count());
  while (values.size() < kRecordsPerRead) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(handle_->client, wait_ms);
    if (!message) break;
    const rd_kafka_resp_err_t error = message->err;
    const std::string where = handle_->topic + "/" + std::to_string(message->partition);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const auto* bytes = static_cast<const char*>(message->payload);
      values.emplace_back(bytes ? bytes : "", message->len);
      handle_->next[static_cast<size_t>(message->partition)] = message->offset + 1;
      wait_ms = 0;
    }
    const std::string reason = error ? rd_kafka_message_errstr(message) : "";
    rd_kafka_message_destroy(message);
    if (error && !Passes(error)) return Fatal(where + " cannot be read any more: " + reason);
  }
  return values;
}

Status StatsReader::MarkEnd() {
  for (size_t i = 0; i < handle_->end.size(); ++i) {
    int64_t low = 0;
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        handle_->client, handle_->topic.c_str(), static_cast<int32_t>(i), &low, &handle_->end[i],
        kCallTimeoutMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Fatal("the end of " + handle_->topic + "/" + std::to_string(i) +
                   " cannot be read: " + rd_kafka_err2str(error));
    }
  }
  return {};
}

bool StatsReader::Reached() const {
  for (size_t i = 0; i < handle_->end.size(); ++i) {
    if (handle_->next[i] < handle_->end[i]) return false;
  }
  return true;
}

}  // namespace auction_bids
