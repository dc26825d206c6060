// SPDX-License-Identifier: Apache-2.0
// Crashes that an acquire counts, and records that a unit puts aside.
#include <gmock/gmock.h>

#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using commit::CommitResult;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kTaskKey[] = "{mr:test:f:0}:task";
constexpr char kAsideKey[] = "{mr:test:f:0}:d";
constexpr char kHash[] = "0123456789ab";
constexpr int64_t kBeyondDoubles = 9007199254740993;

CrashMark MarkOf(int64_t offset, const std::string& id, const std::string& hash12 = kHash,
                 const std::string& topic = "in") {
  return {.topic = topic, .offset = offset, .together = 1, .hash12 = hash12, .id = id};
}
commit::AsideEntry Entry(int64_t offset, const std::string& packed = "packed") {
  return {.name = {.kind = "crash", .topic = "in", .offset = offset}, .packed = packed};
}

class CrashTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(user_.Connect()) << user_.store().last_error();
    ASSERT_TRUE(user_.Acquire(epoch_).result);
  }
  commit::Acquired Acquire(std::optional<CrashMark> crash = {}) {
    epoch_ = EpochOf(static_cast<char>('a' + ++acquires_ % 6));
    const auto reply = user_.Acquire(epoch_, 0, std::move(crash));
    EXPECT_TRUE(reply.result) << reply.result.error().message;
    return reply.result ? *reply.result : commit::Acquired{};
  }
  std::string Kept(const std::string& topic = "in") {
    return server_.Command({"HGET", kTaskKey, "crash:" + topic});
  }

  RedisServer server_;
  StoreUser user_{server_.url()};
  int acquires_ = 0;
  std::string epoch_ = EpochOf('a');
};

TEST_F(CrashTest, DeathsAtOneEventAddUpAndAreAnsweredAtOnce) {
  std::string ids;
  for (int i = 1; i <= 12; ++i) {
    const auto acquired = Acquire(MarkOf(77, std::to_string(i)));
    ids += (ids.empty() ? "" : ",") + std::to_string(i);
    if (i > kCrashIdsMax) ids.erase(0, ids.find(',') + 1);
    EXPECT_EQ(Kept(), "77 " + std::to_string(i) + " 0123456789ab " + ids);
    ASSERT_EQ(acquired.crashes.size(), 1u);
    EXPECT_EQ(acquired.crashes[0].topic, "in");
    EXPECT_EQ(acquired.crashes[0].crash.count, i);
  }
}

TEST_F(CrashTest, ADeathThatIsToldAgainIsNotCountedAgain) {
  Acquire(MarkOf(77, "a1"));
  EXPECT_EQ(Acquire(MarkOf(77, "a1")).crashes.at(0).crash.count, 1);
  EXPECT_EQ(Acquire().crashes.at(0).crash.count, 1) << "nor without one";
  EXPECT_EQ(Kept(), "77 1 0123456789ab a1");
  Acquire(MarkOf(77, "a2"));
  EXPECT_EQ(Acquire(MarkOf(77, "a1")).crashes.at(0).crash.count, 2) << "another came in between";
  EXPECT_EQ(Kept(), "77 2 0123456789ab a1,a2");
  EXPECT_EQ(Acquire(MarkOf(77, "a")).crashes.at(0).crash.count, 3) << "a part of one is another";
}

TEST_F(CrashTest, AnotherEventOrLibraryBeginsAtOne) {
  Acquire(MarkOf(77, "a1"));
  Acquire(MarkOf(77, "a2"));
  Acquire(MarkOf(78, "a3"));
  EXPECT_EQ(Kept(), "78 1 0123456789ab a3");
  Acquire(MarkOf(78, "a4", "ba9876543210"));
  EXPECT_EQ(Kept(), "78 1 ba9876543210 a4");
}

TEST_F(CrashTest, TopicsAreCountedByThemselves) {
  Acquire(MarkOf(77, "a1"));
  const auto acquired = Acquire(MarkOf(5, "a2", kHash, "more"));
  EXPECT_EQ(Kept("more"), "5 1 0123456789ab a2");
  ASSERT_EQ(acquired.crashes.size(), 2u);
  EXPECT_EQ(acquired.crashes[0].topic, "in");
  EXPECT_EQ(acquired.crashes[1].topic, "more");
}

TEST_F(CrashTest, WhatIsBelowAppliedIsForgottenAndNotCounted) {
  for (const int64_t applied : {int64_t{100}, kBeyondDoubles}) {
    server_.Command({"HSET", kTaskKey, "applied:in", std::to_string(applied)});
    EXPECT_EQ(Acquire(MarkOf(applied, "a1")).crashes.size(), 1u) << "it is next";
    EXPECT_EQ(Acquire(MarkOf(applied - 1, "a2")).crashes.at(0).crash.offset, applied);
    server_.Command({"HDEL", kTaskKey, "crash:in"});
    EXPECT_THAT(Acquire(MarkOf(applied - 1, "a2")).crashes, IsEmpty());
    EXPECT_EQ(server_.Command({"HEXISTS", kTaskKey, "crash:in"}), "0");
    server_.Command({"HSET", kTaskKey, "crash:in", "99 2 0123456789ab a0"});
    EXPECT_THAT(Acquire().crashes, IsEmpty());
    EXPECT_EQ(server_.Command({"HEXISTS", kTaskKey, "crash:in"}), "0");
  }
}

TEST_F(CrashTest, ATextThatIsNoneCountsNothingAndStopsNothing) {
  for (const char* text : {"", "x", "77 2", "77 -2 h i", "77 2 h i j", "7.7 2 h i"}) {
    server_.Command({"HSET", kTaskKey, "crash:in", text});
    EXPECT_THAT(Acquire().crashes, IsEmpty()) << text;
    server_.Command({"HSET", kTaskKey, "crash:in", text});
    EXPECT_EQ(Acquire(MarkOf(77, "a1")).crashes.at(0).crash.count, 1) << text;
    server_.Command({"HDEL", kTaskKey, "crash:in"});
  }
}

TEST_F(CrashTest, AnAcquireThatIsRefusedCountsNothing) {
  Acquire(MarkOf(77, "a1"));
  const std::string before = server_.Command({"HGETALL", kTaskKey});
  const auto refused = user_.Acquire({.partition = 0,
                                      .epoch = EpochOf('f'),
                                      .owner = "another",
                                      .group = "another",
                                      .partition_count = 4,
                                      .crash = MarkOf(77, "a2")});
  EXPECT_FALSE(refused.result);
  server_.Command({"SET", kAsideKey, "a string"});
  const auto other_type = user_.Acquire(EpochOf('f'), 0, MarkOf(77, "a2"));
  ASSERT_FALSE(other_type.result);
  EXPECT_EQ(other_type.result.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(other_type.result.error().message, HasSubstr("key {mr:test:f:0}:d holds a string"));
  EXPECT_EQ(server_.Command({"HGETALL", kTaskKey}), before);
}

TEST_F(CrashTest, ARecordIsPutAsideWithTheUnitThatPassesIt) {
  const std::string binary("p\0\r\n", 4);
  EXPECT_EQ(user_
                .Commit(epoch_, {.expected = 0,
                                 .seq = 1,
                                 .aside = {Entry(7, binary), Entry(9)},
                                 .applied = {{"in", 10}}})
                .result,
            CommitResult::kApplied);
  EXPECT_EQ(server_.Command({"HGET", kAsideKey, "crash in 7"}), binary);
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "applied:in"}), "10");
  const auto acquired = Acquire();
  EXPECT_EQ(acquired.aside_count, 2u);
  EXPECT_THAT(acquired.aside, ElementsAre(Entry(7).name, Entry(9).name));
}

TEST_F(CrashTest, AUnitThatIsRefusedPutsNothingAside) {
  server_.Command({"HSET", kTaskKey, "seq", "5"});
  const StoreUser::OutboxUnit unit{
      .expected = 5, .seq = 6, .aside = {Entry(7)}, .applied = {{"in", 8}}};
  EXPECT_EQ(user_.Commit(EpochOf('f'), unit).result, CommitResult::kFenced);
  EXPECT_EQ(user_.Commit(epoch_, {.expected = 4, .seq = 5, .aside = {Entry(7)}}).result,
            CommitResult::kDiverged);
  server_.Command({"SET", kAsideKey, "a string"});
  const auto rejected = user_.Commit(epoch_, unit);
  EXPECT_EQ(rejected.result, CommitResult::kRejected);
  EXPECT_THAT(rejected.detail, HasSubstr("key {mr:test:f:0}:d holds a string"));
  server_.Command({"DEL", kAsideKey});
  EXPECT_EQ(server_.Command({"HEXISTS", kTaskKey, "applied:in"}), "0");
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "seq"}), "5");
  EXPECT_EQ(Acquire().aside_count, 0u);
}

TEST_F(CrashTest, MoreThanCanBeListedIsCounted) {
  std::vector<std::string> words = {"HSET", kAsideKey};
  for (size_t i = 0; i < commit::kAsideListedMax; ++i) {
    words.insert(words.end(), {"crash in " + std::to_string(i), "packed"});
  }
  server_.Command(words);
  EXPECT_EQ(Acquire().aside.size(), commit::kAsideListedMax);
  server_.Command({"HSET", kAsideKey, "crash in 5000", "packed"});
  const auto acquired = Acquire();
  EXPECT_EQ(acquired.aside_count, commit::kAsideListedMax + 1);
  EXPECT_THAT(acquired.aside, IsEmpty());
}

}  // namespace
}  // namespace millrace::redis
