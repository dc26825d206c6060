// SPDX-License-Identifier: Apache-2.0
#include "kafka/output_producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/kafka/broker.h"
#include "kafka/record_consumer.h"
#include "kafka/topic_watch.h"
#include "model/output_id.h"

namespace millrace::kafka::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Seen {
  OwnedBytes key;
  OwnedBytes value;
  int64_t timestamp_ms = 0;
  std::vector<std::pair<std::string, OwnedBytes>> headers;
};

class OutputProducerTest : public testing::Test {
 protected:
  void Connect(const std::vector<std::string>& topics, const Properties& properties = {}) {
    auto watch = TopicWatch::Create(broker_.Options(), topics);
    ASSERT_TRUE(watch);
    watch_ = std::shared_ptr<TopicWatch>(std::move(*watch));
    OutputProducerOptions options{
        .client = broker_.Options(), .topics = topics, .watch = watch_, .wake_fd = -1};
    for (const auto& [name, value] : properties) options.client.properties[name] = value;
    auto sink = MakeOutputProducer(options);
    ASSERT_TRUE(sink) << sink.error().message;
    sink_ = std::move(*sink);
  }

  bool AwaitTopic(uint32_t output) {
    return Eventually([&] { return sink_->PartitionCount(output).has_value(); });
  }

  bool Settle(std::chrono::milliseconds patience = kPatience) {
    return Eventually(
        [&] {
          sink_->Poll();
          return ticket_.pending == 0;
        },
        patience);
  }

  Status Send(const std::string& value, int32_t partition = 0) {
    return sink_->Produce({.output = 0,
                           .key = {},
                           .value = value,
                           .headers = {},
                           .id = {},
                           .timestamp_ms = 1,
                           .partition = partition},
                          &ticket_);
  }

  std::vector<Seen> Read(const std::string& topic, int32_t partition) {
    auto source = *MakeRecordConsumer({.client = broker_.Options(), .group = "readers"});
    auto from = source->Open({topic, partition}, 0);
    std::vector<Seen> seen;
    std::vector<HeaderView> headers;
    Eventually([&] {
      const ingest::Popped popped = from->Pop(1000);
      for (size_t i = 0; popped.batch && i < popped.batch->records().size(); ++i) {
        const RecordView& record = popped.batch->records()[i];
        seen.push_back({record.key.Copy(), record.value.Copy(), record.timestamp_ms, {}});
        popped.batch->ReadHeaders(i, &headers);
        for (const HeaderView& header : headers) {
          seen.back().headers.emplace_back(header.name.view(), header.value.Copy());
        }
      }
      return popped.end.has_value();
    });
    return seen;
  }

  Broker broker_;
  std::shared_ptr<TopicWatch> watch_;
  std::unique_ptr<effects::OutputSink> sink_;
  effects::OutputTicket ticket_;
};

TEST_F(OutputProducerTest, OrderIsKeptPerPartitionAndTicketsSettle) {
  const std::string topic = broker_.MakeTopic("out", 3);
  Connect({topic});
  ASSERT_TRUE(AwaitTopic(0));
  EXPECT_EQ(sink_->PartitionCount(0), 3);
  constexpr int kRecords = 30'000;
  for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(Send(std::to_string(i), i % 3));
  EXPECT_GT(sink_->queued_bytes(), 0U);
  ASSERT_TRUE(Settle());
  EXPECT_FALSE(ticket_.failed);
  EXPECT_EQ(sink_->queued_bytes(), 0U);
  for (int p = 0; p < 3; ++p) {
    const std::vector<Seen> seen = Read(topic, p);
    ASSERT_EQ(seen.size(), static_cast<size_t>(kRecords / 3));
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i].value, std::to_string(static_cast<int>(i) * 3 + p));
    }
  }
}

TEST_F(OutputProducerTest, NullAndEmptyStayApartInKeysValuesAndHeaders) {
  const std::string topic = broker_.MakeTopic("nulls", 1);
  Connect({topic});
  ASSERT_TRUE(AwaitTopic(0));
  const std::vector<HeaderView> headers = {
      {"a", "1"}, {"null", Slice()}, {"empty", ""}, {"a", "2"}};
  const auto send = [&](Slice key, Slice value, std::span<const HeaderView> with, Slice id) {
    return sink_->Produce({.output = 0,
                           .key = key,
                           .value = value,
                           .headers = with,
                           .id = id,
                           .timestamp_ms = 1'442'016'000'123,
                           .partition = 0},
                          &ticket_);
  };
  ASSERT_TRUE(send(Slice(), "value", {}, "f/t/0/1/0"));
  ASSERT_TRUE(send("key", Slice(), headers, "f/t/0/1/1"));
  ASSERT_TRUE(send("", "", {}, Slice()));
  ASSERT_TRUE(Settle());
  const std::vector<Seen> seen = Read(topic, 0);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].key, std::nullopt);
  EXPECT_EQ(seen[0].value, "value");
  EXPECT_EQ(seen[0].timestamp_ms, 1'442'016'000'123);
  EXPECT_THAT(seen[0].headers,
              ElementsAre(std::pair(std::string(kOutputIdHeader), OwnedBytes("f/t/0/1/0"))));
  EXPECT_EQ(seen[1].value, std::nullopt);
  EXPECT_THAT(seen[1].headers,
              ElementsAre(std::pair("a", OwnedBytes("1")), std::pair("null", OwnedBytes()),
                          std::pair("empty", OwnedBytes("")), std::pair("a", OwnedBytes("2")),
                          std::pair(std::string(kOutputIdHeader), OwnedBytes("f/t/0/1/1"))));
  EXPECT_EQ(seen[2].key, "");
  EXPECT_EQ(seen[2].value, "");
  EXPECT_TRUE(seen[2].headers.empty());
}

TEST_F(OutputProducerTest, AMissingTopicIsNamedAndUsedOnceItExists) {
  const std::string topic = broker_.UniqueName("missing");
  Connect({topic});
  ASSERT_TRUE(Eventually([&] {
    const auto problem = watch_->Problem(topic);
    return problem && problem->find("does not exist") != std::string::npos;
  }));
  EXPECT_THAT(*watch_->Problem(topic), HasSubstr(topic));
  EXPECT_EQ(sink_->PartitionCount(0), std::nullopt);
  broker_.CreateTopic(topic, 2);
  ASSERT_TRUE(AwaitTopic(0));
  EXPECT_EQ(watch_->Problem(topic), std::nullopt);
  ASSERT_TRUE(Send("now", 1));
  EXPECT_TRUE(Settle());
  EXPECT_FALSE(ticket_.failed);
}

TEST_F(OutputProducerTest, ARecordOverTheProducersLimitIsRefusedAtOnce) {
  const std::string topic = broker_.MakeTopic("large", 1);
  Connect({topic}, {{"message.max.bytes", "10000"}});
  ASSERT_TRUE(AwaitTopic(0));
  const Status status = Send(std::string(20'000, 'x'));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().error_class, ErrorClass::kPoison);
  EXPECT_THAT(status.error().message, HasSubstr(topic + "/0"));
  EXPECT_EQ(ticket_.pending, 0U);
  ASSERT_TRUE(Send(std::string(sink_->message_bytes_max(), 'x')));
  EXPECT_TRUE(Settle());
  EXPECT_FALSE(ticket_.failed);
}

TEST_F(OutputProducerTest, ARecordOverTheTopicsLimitFailsTheTicketAndOthersGoOn) {
  const std::string topic = broker_.MakeTopic("small", 1, {{"max.message.bytes", "5000"}});
  Connect({topic});
  ASSERT_TRUE(AwaitTopic(0));
  ASSERT_TRUE(Send(std::string(20'000, 'x')));
  ASSERT_TRUE(Settle());
  ASSERT_TRUE(ticket_.failed);
  EXPECT_EQ(ticket_.failed->error_class, ErrorClass::kFatal);
  EXPECT_THAT(ticket_.failed->message, HasSubstr(topic + "/0"));
  EXPECT_THAT(ticket_.failed->message, HasSubstr("max.message.bytes"));
  ticket_ = {};
  ASSERT_TRUE(Send("fits"));
  ASSERT_TRUE(Settle());
  EXPECT_FALSE(ticket_.failed) << ticket_.failed->message;
}

TEST_F(OutputProducerTest, DetachedTicketsAreNotTouched) {
  const std::string topic = broker_.MakeTopic("detach", 1);
  Connect({topic});
  ASSERT_TRUE(AwaitTopic(0));
  auto gone = std::make_unique<effects::OutputTicket>();
  std::swap(*gone, ticket_);
  ASSERT_TRUE(sink_->Produce({.output = 0,
                              .key = {},
                              .value = "v",
                              .headers = {},
                              .id = {},
                              .timestamp_ms = 1,
                              .partition = 0},
                             gone.get()));
  sink_->Detach();
  gone.reset();
  EXPECT_TRUE(Eventually([&] {
    sink_->Poll();
    return sink_->queued_bytes() == 0;
  }));
}

TEST_F(OutputProducerTest, ABrokerThatGoesAndComesBackFailsNothingAndKeepsTheOrder) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker of KAFKA is not ours to stop";
  const std::string topic = broker_.MakeTopic("outage", 1);
  Connect({topic});
  ASSERT_TRUE(AwaitTopic(0));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(Send(std::to_string(i)));
  Broker::Stack("stop kafka");
  for (int i = 1000; i < 2000; ++i) ASSERT_TRUE(Send(std::to_string(i)));
  sink_->Poll();
  EXPECT_GT(ticket_.pending, 0U);
  Broker::Stack("start kafka");
  ASSERT_TRUE(Settle(std::chrono::seconds(60)));
  EXPECT_FALSE(ticket_.failed) << ticket_.failed->message;
  const std::vector<Seen> seen = Read(topic, 0);
  ASSERT_EQ(seen.size(), 2000U);
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i].value, std::to_string(i));
}

}  // namespace
}  // namespace millrace::kafka::test
