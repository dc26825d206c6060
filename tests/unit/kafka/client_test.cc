// SPDX-License-Identifier: Apache-2.0
#include "kafka/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/group_member.h"
#include "kafka/group_metadata.h"
#include "kafka/offset_list.h"
#include "kafka/output_producer.h"
#include "kafka/record_batch.h"
#include "kafka/record_consumer.h"
#include "kafka/topic_watch.h"
#include "kafka/transaction_worker.h"

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
  EXPECT_THAT(MakeTransactions({.client = bad, .transactional_id = "id"}).error().message,
              HasSubstr("nonsense"));
}

TEST(AdapterTest, TransactionsAreMadeWhateverTimeoutsTheUserHasSet) {
  for (const char* timeout_ms : {"1000", "60000"}) {
    const ClientOptions away{
        .properties = {{"bootstrap.servers", "127.0.0.1:1"}, {"socket.timeout.ms", timeout_ms}},
        .client_id = "test",
        .log = {}};
    auto transactions = MakeTransactions(
        {.client = away, .transactional_id = "id", .transaction_timeout = Millis(2'000)});
    EXPECT_TRUE(transactions) << transactions.error().message;
  }
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

std::string Metadata(int32_t generation, const std::string& member) {
  std::string text = "CGMDv2:";
  text.append(reinterpret_cast<const char*>(&generation), sizeof(generation));
  return text + "group" + '\0' + member + '\0' + '\1';
}

TEST(GroupMetadataTest, OnlyAMemberOfAGroupGenerationIsTaken) {
  EXPECT_TRUE(CheckGroupMetadata(Metadata(3, "member")));
  EXPECT_TRUE(ParseGroupMetadata(Metadata(0, "member")));
  EXPECT_THAT(CheckGroupMetadata(Metadata(-1, "member")).error().message, HasSubstr("generation"));
  EXPECT_THAT(CheckGroupMetadata(Metadata(3, "")).error().message, HasSubstr("member id"));
  EXPECT_FALSE(ParseGroupMetadata(Metadata(-1, "member")));
}

TEST(GroupMetadataTest, BytesOfAnotherFormAreRefused) {
  EXPECT_FALSE(CheckGroupMetadata(""));
  EXPECT_FALSE(CheckGroupMetadata("CGMDv2:ab"));
  EXPECT_FALSE(CheckGroupMetadata("CGMDv9:" + Metadata(3, "member").substr(7)));
  const std::string good = Metadata(3, "member");
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParseGroupMetadata(good.substr(0, size))) << size;
  }
}

TEST(GroupMetadataTest, TheLibraryWritesTheFormThatIsChecked) {
  const GroupMetadataPtr metadata(
      rd_kafka_consumer_group_metadata_new_with_genid("group", 3, "member", nullptr));
  void* buffer = nullptr;
  size_t size = 0;
  ASSERT_EQ(rd_kafka_consumer_group_metadata_write(metadata.get(), &buffer, &size), nullptr);
  EXPECT_EQ(std::string(static_cast<char*>(buffer), size), Metadata(3, "member"));
  rd_kafka_mem_free(nullptr, buffer);
}

TEST(OffsetListTest, CarriesMetadataAndNoneWhereThereIsNone) {
  const std::vector<PartitionOffset> offsets = {{{"t", 1}, 7, "12 owner"}, {{"t", 2}, 8}};
  const PartitionListPtr list = ToList(offsets);
  ASSERT_EQ(list->cnt, 2);
  EXPECT_EQ(list->elems[0].offset, 7);
  EXPECT_EQ(std::string(static_cast<char*>(list->elems[0].metadata), list->elems[0].metadata_size),
            "12 owner");
  EXPECT_EQ(list->elems[1].metadata, nullptr);
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
