// SPDX-License-Identifier: Apache-2.0
#include "embedded/mock_cluster.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

namespace millrace::embedded {
namespace {

constexpr int kTimeoutMs = 10'000;
constexpr int kPollMs = 100;

struct ClientDeleter {
  void operator()(rd_kafka_t* rk) const { rd_kafka_destroy(rk); }
};
struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
struct MessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
struct EventDeleter {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using ClientPtr = std::unique_ptr<rd_kafka_t, ClientDeleter>;
using ListPtr = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;
using MessagePtr = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;
using EventPtr = std::unique_ptr<rd_kafka_event_t, EventDeleter>;
using Properties = std::initializer_list<std::pair<const char*, const char*>>;

class MockClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    auto cluster = MockCluster::Start(nullptr);
    ASSERT_TRUE(cluster) << cluster.error().message;
    cluster_ = std::move(*cluster);
    ASSERT_TRUE(cluster_->CreateTopic("in"));
  }

  ClientPtr Client(rd_kafka_type_t type, Properties properties) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, 256> text{};
    const auto set = [&](const char* name, const char* value) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name, value, text.data(), text.size()), RD_KAFKA_CONF_OK)
          << text.data();
    };
    set("bootstrap.servers", cluster_->bootstrap().c_str());
    for (const auto& [name, value] : properties) set(name, value);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE);
    return ClientPtr(rd_kafka_new(type, conf, text.data(), text.size()));
  }

  ClientPtr Lane() {
    return Client(RD_KAFKA_CONSUMER, {{"group.id", "g"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.partition.eof", "true"},
                                      {"isolation.level", "read_committed"},
                                      {"auto.offset.reset", "error"}});
  }

  ClientPtr Member() {
    return Client(RD_KAFKA_CONSUMER, {{"group.id", "g"},
                                      {"enable.auto.commit", "false"},
                                      {"session.timeout.ms", "10000"},
                                      {"heartbeat.interval.ms", "1000"},
                                      {"partition.assignment.strategy", "range"}});
  }

  // To partition 1 of `in`, the way a lane produces.
  void Produce(int count, int64_t timestamp_ms = 1'000) {
    const ClientPtr rk =
        Client(RD_KAFKA_PRODUCER, {{"enable.idempotence", "true"}, {"compression.codec", "lz4"}});
    for (int i = 0; i < count; ++i) {
      const std::string text = std::to_string(i);
      ASSERT_EQ(rd_kafka_producev(rk.get(), RD_KAFKA_V_TOPIC("in"), RD_KAFKA_V_PARTITION(1),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_KEY(text.data(), text.size()),
                                  RD_KAFKA_V_VALUE(const_cast<char*>(text.data()), text.size()),
                                  RD_KAFKA_V_TIMESTAMP(timestamp_ms + i), RD_KAFKA_V_END),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ASSERT_EQ(rd_kafka_flush(rk.get(), kTimeoutMs), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  static ListPtr Partition(int64_t offset) {
    ListPtr list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), "in", 1)->offset = offset;
    return list;
  }

  std::unique_ptr<MockCluster> cluster_;
};

EventPtr NextRebalance(rd_kafka_queue_t* queue) {
  for (int waited = 0; waited < kTimeoutMs; waited += kPollMs) {
    EventPtr event(rd_kafka_queue_poll(queue, kPollMs));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) return event;
  }
  return nullptr;
}

TEST_F(MockClusterTest, OtherClientsProduceAndConsumeOverTheLoopback) {
  EXPECT_EQ(cluster_->bootstrap().rfind("127.0.0.1:", 0), 0u) << cluster_->bootstrap();
  Produce(3);
  const ClientPtr rk = Lane();
  rd_kafka_poll_set_consumer(rk.get());
  ASSERT_EQ(rd_kafka_assign(rk.get(), Partition(0).get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  for (int64_t offset = 0; offset < 3; ++offset) {
    const MessagePtr message(rd_kafka_consumer_poll(rk.get(), kTimeoutMs));
    ASSERT_TRUE(message);
    ASSERT_EQ(message->err, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(message->err);
    EXPECT_EQ(message->offset, offset);
    EXPECT_EQ(std::string(static_cast<char*>(message->payload), message->len),
              std::to_string(offset));
  }
  const MessagePtr end(rd_kafka_consumer_poll(rk.get(), kTimeoutMs));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->err, RD_KAFKA_RESP_ERR__PARTITION_EOF);
  EXPECT_EQ(end->offset, 3);
}

TEST_F(MockClusterTest, LanesAssignSplitPartitionsOneByOne) {
  Produce(3);
  const ClientPtr rk = Lane();
  rd_kafka_poll_set_consumer(rk.get());
  rd_kafka_queue_t* queue = rd_kafka_queue_get_partition(rk.get(), "in", 1);
  rd_kafka_queue_forward(queue, nullptr);
  EXPECT_EQ(rd_kafka_incremental_assign(rk.get(), Partition(1).get()), nullptr);
  std::array<rd_kafka_message_t*, 8> messages{};
  ssize_t taken = 0;
  for (int waited = 0; taken < 3 && waited < kTimeoutMs; waited += kPollMs) {
    taken += rd_kafka_consume_batch_queue(queue, kPollMs, messages.data() + taken,
                                          messages.size() - static_cast<size_t>(taken));
  }
  ASSERT_EQ(taken, 3);  // offsets 1 and 2, and the end
  EXPECT_EQ(messages[0]->offset, 1);
  EXPECT_EQ(messages[2]->err, RD_KAFKA_RESP_ERR__PARTITION_EOF);
  for (ssize_t i = 0; i < taken; ++i) {
    rd_kafka_message_destroy(messages[static_cast<size_t>(i)]);
  }
  EXPECT_EQ(rd_kafka_incremental_unassign(rk.get(), Partition(0).get()), nullptr);
  rd_kafka_queue_destroy(queue);
}

TEST_F(MockClusterTest, AMemberThatFetchesNothingIsAssignedAllPartitionsAndCommits) {
  const ClientPtr rk = Member();
  rd_kafka_poll_set_consumer(rk.get());
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(rk.get());
  ASSERT_EQ(rd_kafka_subscribe(rk.get(), Partition(0).get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  const EventPtr event = NextRebalance(queue);
  ASSERT_TRUE(event);
  EXPECT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
  EXPECT_EQ(rd_kafka_event_topic_partition_list(event.get())->cnt, kMockPartitions);
  const ListPtr nothing(rd_kafka_topic_partition_list_new(0));
  EXPECT_EQ(rd_kafka_assign(rk.get(), nothing.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  ListPtr read = Partition(0);
  ASSERT_EQ(rd_kafka_committed(rk.get(), read.get(), kTimeoutMs), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(read->elems[0].offset, RD_KAFKA_OFFSET_INVALID);
  ASSERT_EQ(rd_kafka_commit(rk.get(), Partition(2).get(), 0), RD_KAFKA_RESP_ERR_NO_ERROR);
  read = Partition(0);
  ASSERT_EQ(rd_kafka_committed(rk.get(), read.get(), kTimeoutMs), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(read->elems[0].offset, 2);
  rd_kafka_queue_destroy(queue);
}

TEST_F(MockClusterTest, TellsTheRangeOfAPartition) {
  Produce(3);
  const ClientPtr rk = Lane();
  int64_t low = -1;
  int64_t high = -1;
  ASSERT_EQ(rd_kafka_query_watermark_offsets(rk.get(), "in", 1, &low, &high, kTimeoutMs),
            RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(low, 0);
  EXPECT_EQ(high, 3);
}

// A start at a timestamp therefore reads what comes from now on.
TEST_F(MockClusterTest, FindsNoOffsetByTimestamp) {
  Produce(3);
  const ClientPtr rk = Lane();
  const ListPtr list = Partition(1'001);
  ASSERT_EQ(rd_kafka_offsets_for_times(rk.get(), list.get(), kTimeoutMs),
            RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(list->elems[0].err, RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(list->elems[0].offset, RD_KAFKA_OFFSET_END);
}

TEST_F(MockClusterTest, CreatingATopicAgainIsWell) {
  EXPECT_TRUE(cluster_->CreateTopic("in"));
  EXPECT_TRUE(cluster_->CreateTopic("in", 7));
}

TEST_F(MockClusterTest, ATopicThatItCannotMakeIsRefusedByName) {
  const Status made = cluster_->CreateTopic("none", 0);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("none"), std::string::npos) << made.error().message;
  EXPECT_FALSE(cluster_->CreateTopic(""));
}

}  // namespace
}  // namespace millrace::embedded
