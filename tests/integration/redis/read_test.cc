// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <map>

#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using state::Found;
using state::ReadReply;
using testing::HasSubstr;

class ReadTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(user_.Connect()) << user_.store().last_error();
    ASSERT_TRUE(user_.Acquire(epoch_).result);
  }
  void Write(std::vector<millrace::redis::Write> writes) {
    ASSERT_EQ(user_.Commit(epoch_, seq_, std::move(writes)).result, commit::CommitResult::kApplied);
    ++seq_;
  }
  // A map of `fields` fields with values of `bytes` bytes.
  void WriteMap(const std::string& key, int fields, size_t bytes) {
    std::vector<std::string> names;
    for (int i = 0; i < fields; ++i) names.push_back("field" + std::to_string(i));
    const std::string value(bytes, 'v');
    std::vector<millrace::redis::Write> writes;
    for (const std::string& name : names) writes.push_back(PutField(key, name, value));
    Write(std::move(writes));
  }

  RedisServer server_;
  StoreUser user_{server_.url()};
  const std::string epoch_ = EpochOf('a');
  uint64_t seq_ = 0;
};

TEST_F(ReadTest, AbsentAndEmptyDiffer) {
  Write({Put("empty", ""), PutField("c", "empty", "")});
  const ReadReply reply = user_.Read({{kTotals, "empty", {}},
                                      {kTotals, "absent", {}},
                                      {kCarts, "c", "empty"},
                                      {kCarts, "c", "absent"},
                                      {kCarts, "none", "f"},
                                      {kCarts, "none", {}}});
  ASSERT_TRUE(reply.status);
  EXPECT_EQ(reply.found[0].what, Found::What::kValue);
  EXPECT_EQ(reply.found[0].value, Slice(""));
  EXPECT_EQ(reply.found[2].value, Slice(""));
  for (const size_t i : {1, 3, 4, 5}) EXPECT_EQ(reply.found[i].what, Found::What::kAbsent) << i;
}

TEST_F(ReadTest, KeysAndValuesMayHoldAnyBytes) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  const std::string odd("\r\n$-1\r\n\0*", 9);
  Write({Put(bytes, odd), Put(odd, bytes), Put("", "empty key"), PutField(odd, bytes, odd)});
  EXPECT_EQ(user_.ReadOne({kTotals, bytes, {}}), Slice(odd));
  EXPECT_EQ(user_.ReadOne({kTotals, odd, {}}), Slice(bytes));
  EXPECT_EQ(user_.ReadOne({kTotals, "", {}}), Slice("empty key"));
  EXPECT_EQ(user_.ReadOne({kCarts, odd, bytes}), Slice(odd));
  const ReadReply map = user_.Read({{kCarts, odd, {}}});
  ASSERT_EQ(map.found[0].entry_count, 1u);
  EXPECT_EQ(map.entries[0].field, Slice(bytes));
  EXPECT_EQ(map.entries[0].value, Slice(odd));
}

TEST_F(ReadTest, MixedItemsAreAnsweredInTheOrderAsked) {
  Write({Put("a", "A"), Put("b", "B"), Put("a", "name of a", kNames), PutField("m", "f", "F"),
         PutField("m", "g", "G"), PutField("n", "h", "H")});
  const ReadReply reply = user_.Read({{kNames, "a", {}},
                                      {kCarts, "m", {}},
                                      {kTotals, "b", {}},
                                      {kCarts, "n", "h"},
                                      {kTotals, "a", {}},
                                      {kCarts, "m", "g"},
                                      {kCarts, "n", {}}});
  ASSERT_TRUE(reply.status);
  EXPECT_EQ(reply.found[0].value, Slice("name of a"));
  EXPECT_EQ(reply.found[1].entry_count, 2u);
  EXPECT_EQ(reply.found[2].value, Slice("B"));
  EXPECT_EQ(reply.found[3].value, Slice("H"));
  EXPECT_EQ(reply.found[4].value, Slice("A"));
  EXPECT_EQ(reply.found[5].value, Slice("G"));
  ASSERT_EQ(reply.found[6].what, Found::What::kMap);
  EXPECT_EQ(reply.entries[reply.found[6].first_entry].field, Slice("h"));
}

TEST_F(ReadTest, ManyKeysAreReadInOneRequest) {
  std::vector<std::string> keys;
  for (int i = 0; i < 5'500; ++i) keys.push_back(std::to_string(i));
  std::vector<millrace::redis::Write> writes;
  std::vector<state::ReadItem> items;
  for (const std::string& key : keys) {
    if (key.back() != '3') writes.push_back(Put(key, key));
    items.push_back({kTotals, key, {}});
  }
  Write(std::move(writes));
  const ReadReply reply = user_.Read(items);
  ASSERT_TRUE(reply.status);
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(reply.found[i].value, keys[i].back() == '3' ? Slice() : Slice(keys[i]));
  }
}

TEST_F(ReadTest, MapsAboveTheLimitAreLarge) {
  WriteMap("small", 500, 100);
  WriteMap("large by bytes", 700, 100);
  WriteMap("large by one value", 1, 70'000);
  WriteMap("large by count", 40'000, 0);
  const ReadReply reply = user_.Read({{kCarts, "small", {}},
                                      {kCarts, "large by bytes", {}},
                                      {kCarts, "large by one value", {}},
                                      {kCarts, "large by count", {}}});
  ASSERT_TRUE(reply.status);
  EXPECT_EQ(reply.found[0].what, Found::What::kMap);
  EXPECT_EQ(reply.found[0].entry_count, 500u);
  for (const size_t i : {1, 2, 3}) EXPECT_EQ(reply.found[i].what, Found::What::kLargeMap) << i;
}

TEST_F(ReadTest, ALargeMapIsReadWholeInPages) {
  WriteMap("large", 20'000, 20);
  const ReadReply reply = user_.store().ReadWholeMapNow(0, kCarts, "large");
  ASSERT_TRUE(reply.status) << reply.status.error().message;
  ASSERT_EQ(reply.found[0].what, Found::What::kMap);
  ASSERT_EQ(reply.found[0].entry_count, 20'000u);
  std::map<std::string, std::string> fields;
  for (const auto& entry : reply.entries) fields[*entry.field.Copy()] = *entry.value.Copy();
  EXPECT_EQ(fields.size(), 20'000u);
  EXPECT_EQ(user_.store().ReadWholeMapNow(0, kCarts, "none").found[0].what, Found::What::kAbsent);
}

TEST_F(ReadTest, ABlockingReadSeesTheCommitsStartedBeforeIt) {
  user_.StartCommit(epoch_, seq_, {Put("k", "new")});
  const std::vector<state::ReadItem> items = {{kTotals, "k", {}}};
  const state::ReadId earlier = user_.store().StartRead(0, items);
  const ReadReply now = user_.store().ReadNow(0, items);
  ASSERT_TRUE(now.status);
  EXPECT_EQ(now.found[0].value, Slice("new"));
  ReadReply polled;
  ASSERT_TRUE(user_.store().PollRead(&polled));
  EXPECT_EQ(polled.id, earlier);
  EXPECT_EQ(user_.NextCommit().result, commit::CommitResult::kApplied);
}

TEST_F(ReadTest, AReadOfAWrongTypeFailsAndTheNextOneWorks) {
  server_.Command({"SET", "{mr:test:f:0}:s:totals", "x"});
  const ReadReply failed = user_.Read({{kTotals, "k", {}}, {kNames, "k", {}}});
  ASSERT_FALSE(failed.status);
  EXPECT_EQ(failed.status.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(failed.status.error().message, HasSubstr("WRONGTYPE"));
  EXPECT_TRUE(user_.Read({{kNames, "k", {}}}).status);
}

TEST_F(ReadTest, AReadOfNothingIsAnswered) {
  const ReadReply reply = user_.Read({});
  EXPECT_TRUE(reply.status);
  EXPECT_TRUE(reply.found.empty());
}

TEST_F(ReadTest, TasksAndFunctionsDoNotSeeEachOther) {
  Write({Put("k", "v")});
  EXPECT_EQ(user_.Read({{kTotals, "k", {}}}, 1).found[0].what, Found::What::kAbsent);
  StoreUser other(server_.url(), {}, "g");
  ASSERT_TRUE(other.Connect());
  EXPECT_TRUE(other.ReadOne({kTotals, "k", {}}).is_null());
}

}  // namespace
}  // namespace millrace::redis
