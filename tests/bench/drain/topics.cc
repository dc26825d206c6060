// SPDX-License-Identifier: Apache-2.0
#include "topics.h"

#include <algorithm>

#include "clients.h"

namespace millrace::drain {
namespace {

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

int64_t CountRecords(const std::string& bootstrap, const std::string& topic, int partitions) {
  const ClientPtr client = NewClient(RD_KAFKA_CONSUMER, bootstrap,
                                     {{"group.id", "drain-count"},
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
  const ClientPtr client =
      NewClient(RD_KAFKA_CONSUMER, bootstrap,
                {{"group.id", group.c_str()}, {"isolation.level", "read_committed"}});
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

}  // namespace millrace::drain
