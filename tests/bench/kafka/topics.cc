// SPDX-License-Identifier: Apache-2.0
#include "bench/kafka/topics.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "bench/kafka/clients.h"

namespace millrace::bench {
namespace {

constexpr std::chrono::seconds kAppearPatience{15};
constexpr std::chrono::milliseconds kLookEvery{20};

using NewTopicPtr =
    std::unique_ptr<rd_kafka_NewTopic_t, kafka::DestroyWith<rd_kafka_NewTopic_destroy>>;
using DeleteTopicPtr =
    std::unique_ptr<rd_kafka_DeleteTopic_t, kafka::DestroyWith<rd_kafka_DeleteTopic_destroy>>;
using DeleteGroupPtr =
    std::unique_ptr<rd_kafka_DeleteGroup_t, kafka::DestroyWith<rd_kafka_DeleteGroup_destroy>>;

// Waits for the one answer to what `ask` sends.
template <class Ask>
kafka::EventPtr Await(rd_kafka_t* client, const Ask& ask) {
  const kafka::QueuePtr queue(rd_kafka_queue_new(client));
  ask(queue.get());
  kafka::EventPtr answer(rd_kafka_queue_poll(queue.get(), kBrokerTimeoutMs));
  Require(answer != nullptr, "the broker does not answer");
  const auto error = rd_kafka_event_error(answer.get());
  Require(error == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(error));
  return answer;
}

kafka::PartitionListPtr EveryPartition(const std::string& topic, int partitions, int64_t offset) {
  kafka::PartitionListPtr all = kafka::NewPartitionList(partitions);
  for (int i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(all.get(), topic.c_str(), i)->offset = offset;
  }
  return all;
}

void RequireDone(rd_kafka_resp_err_t error, const std::string& what) {
  Require(error == RD_KAFKA_RESP_ERR_NO_ERROR, what + ": " + rd_kafka_err2str(error));
}

// What a partition that was just made answers for a moment.
bool IsUnled(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
         error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

// Until `done` says so.
void Repeat(const std::function<bool()>& done, const std::string& what) {
  const auto until = std::chrono::steady_clock::now() + kAppearPatience;
  while (!done()) {
    EndIfInterrupted();
    Require(std::chrono::steady_clock::now() < until, "waited in vain for " + what);
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace

void CreateTopic(const std::string& bootstrap, const std::string& topic, int partitions) {
  const ClientPtr client = NewClient(RD_KAFKA_PRODUCER, bootstrap, {});
  char reason[512];
  const NewTopicPtr wanted(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, reason, sizeof(reason)));
  Require(wanted != nullptr, reason);
  rd_kafka_NewTopic_t* all[] = {wanted.get()};
  const auto answer = Await(client.get(), [&](rd_kafka_queue_t* queue) {
    rd_kafka_CreateTopics(client.get(), all, 1, nullptr, queue);
  });
  size_t count = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
  Require(count == 1, "no answer to making " + topic);
  RequireDone(rd_kafka_topic_result_error(results[0]), "making " + topic);
}

std::optional<int> PartitionCount(const std::string& bootstrap, const std::string& topic) {
  const ClientPtr client = NewClient(RD_KAFKA_PRODUCER, bootstrap, {});
  const rd_kafka_metadata_t* all = nullptr;
  const auto error = rd_kafka_metadata(client.get(), 1, nullptr, &all, kBrokerTimeoutMs);
  const kafka::MetadataPtr owner(all);
  RequireDone(error, "looking for " + topic + " on " + bootstrap);
  for (int i = 0; i < all->topic_cnt; ++i) {
    if (topic != all->topics[i].topic) continue;
    if (IsUnled(all->topics[i].err)) return std::nullopt;
    RequireDone(all->topics[i].err, "looking at " + topic);
    return all->topics[i].partition_cnt;
  }
  return std::nullopt;
}

void EnsureTopic(const std::string& bootstrap, const std::string& topic, int partitions) {
  const std::optional<int> there = PartitionCount(bootstrap, topic);
  if (!there) {
    CreateTopic(bootstrap, topic, partitions);
    Repeat([&] { return PartitionCount(bootstrap, topic) == partitions; }, topic + " to appear");
    Retained(bootstrap, topic);  // every partition is led
    return;
  }
  Require(*there == partitions, topic + " is there with " + std::to_string(*there) +
                                    " partitions, not " + std::to_string(partitions) +
                                    "; take another topic or this --partitions");
}

std::vector<OffsetRange> Retained(const std::string& bootstrap, const std::string& topic) {
  const std::optional<int> partitions = PartitionCount(bootstrap, topic);
  Require(partitions.has_value(), "there is no topic " + topic + " on " + bootstrap);
  const ClientPtr client =
      NewClient(RD_KAFKA_CONSUMER, bootstrap, {{"isolation.level", "read_uncommitted"}});
  std::vector<OffsetRange> ranges(static_cast<size_t>(*partitions));
  for (int i = 0; i < *partitions; ++i) {
    OffsetRange& range = ranges[static_cast<size_t>(i)];
    const auto look = [&] {
      const auto error = rd_kafka_query_watermark_offsets(
          client.get(), topic.c_str(), i, &range.begin, &range.end, kBrokerTimeoutMs);
      if (!IsUnled(error)) RequireDone(error, "looking at the ends of " + topic);
      return error == RD_KAFKA_RESP_ERR_NO_ERROR;
    };
    Repeat(look, "a leader of " + topic + "/" + std::to_string(i));
  }
  return ranges;
}

int64_t CountOffsets(const std::vector<OffsetRange>& ranges) {
  int64_t count = 0;
  for (const OffsetRange& range : ranges) count += range.end - range.begin;
  return count;
}

int64_t CountRecords(const std::string& bootstrap, const std::string& topic, int partitions) {
  const ClientPtr client = NewClient(RD_KAFKA_CONSUMER, bootstrap,
                                     {{"group.id", "bench-count"},
                                      {"enable.auto.commit", "false"},
                                      {"isolation.level", "read_committed"},
                                      {"enable.partition.eof", "true"}});
  rd_kafka_poll_set_consumer(client.get());
  const kafka::PartitionListPtr all = EveryPartition(topic, partitions, 0);
  RequireDone(rd_kafka_assign(client.get(), all.get()), "reading " + topic);
  int64_t records = 0;
  int ended = 0;
  while (ended < partitions) {
    const kafka::MessagePtr message(rd_kafka_consumer_poll(client.get(), kBrokerTimeoutMs));
    Require(message != nullptr, "the broker does not hand out " + topic);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ++ended;
    } else {
      RequireDone(message->err, "reading " + topic);
      ++records;
    }
  }
  rd_kafka_assign(client.get(), nullptr);
  return records;
}

int64_t Committed(const std::string& bootstrap, const std::string& group, const std::string& topic,
                  int partitions) {
  const ClientPtr client = NewClient(RD_KAFKA_CONSUMER, bootstrap,
                                     {{"group.id", group}, {"isolation.level", "read_committed"}});
  const kafka::PartitionListPtr all = EveryPartition(topic, partitions, RD_KAFKA_OFFSET_INVALID);
  RequireDone(rd_kafka_committed(client.get(), all.get(), kBrokerTimeoutMs),
              "reading the offsets of " + group);
  int64_t sum = 0;
  for (int i = 0; i < all->cnt; ++i) sum += std::max<int64_t>(0, all->elems[i].offset);
  return sum;
}

void DeleteTopic(const std::string& bootstrap, const std::string& topic) {
  const ClientPtr client = NewClient(RD_KAFKA_PRODUCER, bootstrap, {});
  const DeleteTopicPtr wanted(rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* all[] = {wanted.get()};
  Await(client.get(), [&](rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopics(client.get(), all, 1, nullptr, queue);
  });
}

void DeleteGroup(const std::string& bootstrap, const std::string& group) {
  const ClientPtr client = NewClient(RD_KAFKA_PRODUCER, bootstrap, {});
  const DeleteGroupPtr wanted(rd_kafka_DeleteGroup_new(group.c_str()));
  rd_kafka_DeleteGroup_t* all[] = {wanted.get()};
  Await(client.get(), [&](rd_kafka_queue_t* queue) {
    rd_kafka_DeleteGroups(client.get(), all, 1, nullptr, queue);
  });
}

}  // namespace millrace::bench
