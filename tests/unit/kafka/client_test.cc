// SPDX-License-Identifier: Apache-2.0
#include "kafka/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/group_member.h"
#include "kafka/output_producer.h"
#include "kafka/record_batch.h"
#include "kafka/record_consumer.h"
#include "kafka/topic_watch.h"

namespace millrace::kafka {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Get(rd_kafka_conf_t* conf, const std::string& name) {
  char text[256];
  size_t size = sizeof(text);
  EXPECT_EQ(rd_kafka_conf_get(conf, name.c_str(), text, &size), RD_KAFKA_CONF_OK) << name;
  return text;
}

TEST(ConfBuilderTest, AnUnknownPropertyIsNamed) {
  ConfBuilder conf({{"bootstrap.servers", "b:1"}, {"sesion.timeout.ms", "1"}});
  const auto result = conf.Finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(result.error().message, HasSubstr("sesion.timeout.ms"));
}

TEST(ConfBuilderTest, AValueOutOfRangeIsNamed) {
  ConfBuilder conf({{"bootstrap.servers", "b:1"}, {"session.timeout.ms", "-5"}});
  EXPECT_THAT(conf.Finish().error().message,
              AllOf(HasSubstr("session.timeout.ms"), HasSubstr("-5")));
}

TEST(ConfBuilderTest, MissingServersAreTold) {
  EXPECT_THAT(ConfBuilder({}).Finish().error().message, HasSubstr("bootstrap.servers"));
}

TEST(ConfBuilderTest, TheUserWinsOverDefaultsAndTheProtocolOverTheUser) {
  const Properties user = {{"bootstrap.servers", "b:1"}, {"linger.ms", "7"}, {"acks", "1"}};
  ConfBuilder conf(user);
  conf.SetDefault("linger.ms", "5");
  conf.SetDefault("batch.num.messages", "99");
  conf.Set("acks", "all");
  EXPECT_EQ(Get(conf.get(), "linger.ms"), "7");
  EXPECT_EQ(Get(conf.get(), "batch.num.messages"), "99");
  EXPECT_EQ(Get(conf.get(), "acks"), "-1");
  EXPECT_TRUE(conf.Finish());
}

TEST(ConfBuilderTest, APropertyThatTheLibraryLacksIsNoError) {
  const Properties user = {{"bootstrap.servers", "b:1"}};
  ConfBuilder conf(user);
  EXPECT_FALSE(conf.TrySetDefault("no.such.property", "1"));
  EXPECT_TRUE(conf.Finish());
}

TEST(ClientIdTest, NamesFunctionAndHost) {
  EXPECT_EQ(ClientId("page-edits", "edge-1"), "millrace-page-edits-edge-1");
}

TEST(AdapterTest, EveryFactoryNamesThePropertyAtFault) {
  const ClientOptions bad{.properties = {{"bootstrap.servers", "b:1"}, {"nonsense", "1"}},
                          .client_id = "test",
                          .log = {}};
  EXPECT_THAT(MakeRecordConsumer({.client = bad, .group = "g"}).error().message,
              HasSubstr("nonsense"));
  EXPECT_THAT(TopicWatch::Create(bad, {"t"}).error().message, HasSubstr("nonsense"));
  EXPECT_THAT(MakeOutputProducer({.client = bad, .topics = {}, .watch = nullptr}).error().message,
              HasSubstr("nonsense"));
  EXPECT_THAT(GroupMember::Join({.client = bad, .group = "g", .topics = {"t"}, .watch = nullptr})
                  .error()
                  .message,
              HasSubstr("nonsense"));
}

TEST(AdapterTest, AClientWithoutABrokerIsMadeAndEndsQuickly) {
  const ClientOptions away{
      .properties = {{"bootstrap.servers", "127.0.0.1:1"}}, .client_id = "test", .log = {}};
  auto source = MakeRecordConsumer({.client = away, .group = "g"});
  ASSERT_TRUE(source) << source.error().message;
  auto partition = (*source)->Open({"t", 0}, 0);
  EXPECT_FALSE(partition->Pop(10).batch);
  EXPECT_EQ(partition->end_offset(), std::nullopt);
  (*source)->Serve();
}

TEST(BatchPoolTest, BuffersAreUsedAgainAndForgetTheirRecords) {
  BatchPool pool;
  auto buffer = pool.Take();
  const BatchBuffer* first = buffer.get();
  buffer->records.push_back({.offset = 1, .timestamp_ms = 0, .key = {}, .value = {}});
  pool.Give(std::move(buffer));
  buffer = pool.Take();
  EXPECT_EQ(buffer.get(), first);
  EXPECT_TRUE(buffer->records.empty());
}

TEST(RecordViewTest, NullAndEmptyStayApart) {
  rd_kafka_message_t message = {};
  char empty = 0;
  message.key = &empty;
  const RecordView view = ViewOf(message);
  EXPECT_EQ(view.key, Slice(""));
  EXPECT_TRUE(view.value.is_null());
}

}  // namespace
}  // namespace millrace::kafka
