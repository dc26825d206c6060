// SPDX-License-Identifier: Apache-2.0
#include "redis/function_keys.h"

#include <gmock/gmock.h>

#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

bool Always(uint64_t) { return true; }

class FunctionKeysTest : public testing::Test {
 protected:
  std::unique_ptr<FunctionKeys> Connect(const std::string& function = "f") {
    auto keys = FunctionKeys::Connect(
        {.url = *ParseRedisUrl(server_.url()), .name_space = "test", .function = function},
        &clock_);
    EXPECT_TRUE(keys) << keys.error().message;
    return *std::move(keys);
  }
  KeySurvey Survey(FunctionKeys* keys) {
    auto survey = keys->Survey(Always);
    EXPECT_TRUE(survey) << survey.error().message;
    return **survey;
  }
  std::string Set(const std::string& key) { return server_.Command({"HSET", key, "f", "v"}); }
  std::string Size() { return server_.Command({"DBSIZE"}); }

  RedisServer server_;
  SystemClock clock_;
};

TEST_F(FunctionKeysTest, RemovesEveryKeyOfTheFunctionAndNoOther) {
  const std::vector<std::string> others = {
      "{mr:test:f-2:0}:s:totals", "{mr:test:ff:0}:task", "{mr:tes:f:0}:task",
      "{mr:test:f:x}:s:totals",   "{mr:test:f:0}",       "{mr:test:f:0}s:totals",
      "{mr:test:f:-1}:s:totals",  "mr:test:f:0:s",       "x{mr:test:f:0}:task"};
  for (const std::string& key : others) Set(key);
  for (const char* key : {"{mr:test:f:0}:task", "{mr:test:f:0}:s:totals", "{mr:test:f:0}:o",
                          "{mr:test:f:0}:r", "{mr:test:f:0}:d", "{mr:test:f:11}:m:carts:a}:b\n*?[",
                          "{mr:test:f:11}:z:of a later time"}) {
    Set(key);
  }
  for (int i = 0; i < 5000; ++i) Set("{mr:test:f:3}:m:carts:" + std::to_string(i));
  const auto keys = Connect();
  const KeySurvey found = Survey(keys.get());
  EXPECT_EQ(found.keys, 5007u);
  EXPECT_EQ(found.tasks.size(), 3u);
  const auto removed = keys->Remove(found, EpochOf('a'), Always);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(*removed);
  EXPECT_EQ(Size(), std::to_string(others.size()));
  for (const std::string& key : others) EXPECT_EQ(server_.Command({"EXISTS", key}), "1") << key;
}

TEST_F(FunctionKeysTest, TellsHowFarEachTaskIs) {
  StoreUser user(server_.url());
  ASSERT_TRUE(user.Connect());
  ASSERT_TRUE(user.Acquire(EpochOf('a')).result);
  user.Commit(EpochOf('a'), 0, {Put("k", "v")}, {{"edits", 7}, {"more", 9}});
  server_.Command({"SET", "{mr:test:f:2}:task", "not a hash"});
  const KeySurvey found = Survey(Connect().get());
  ASSERT_THAT(found.tasks, ElementsAre(Pair(0, testing::_), Pair(2, testing::_)));
  const StoredProgress& progress = found.tasks.at(0);
  EXPECT_EQ(progress.group, "millrace.test.f");
  EXPECT_EQ(progress.partitions, "4");
  EXPECT_THAT(progress.applied,
              testing::UnorderedElementsAre(TopicOffset{"edits", 7}, TopicOffset{"more", 9}));
  EXPECT_FALSE(progress.other_type);
  EXPECT_TRUE(found.tasks.at(2).other_type);
}

TEST_F(FunctionKeysTest, WhatIsHalfRemovedIsNobodysUntilTheRestIsRemoved) {
  StoreUser owner(server_.url()), other(server_.url());
  ASSERT_TRUE(owner.Connect());
  ASSERT_TRUE(other.Connect());
  ASSERT_TRUE(owner.Acquire(EpochOf('a')).result);
  EXPECT_EQ(owner.Commit(EpochOf('a'), 0, {Put("k", "v")}).result, commit::CommitResult::kApplied);
  Set("{mr:test:f:1}:s:totals");  // a task without `:task`
  const auto keys = Connect();
  const KeySurvey found = Survey(keys.get());
  const auto ended = keys->Remove(found, EpochOf('b'), [](uint64_t) { return false; });
  ASSERT_TRUE(ended);
  EXPECT_FALSE(*ended);

  EXPECT_EQ(owner.Commit(EpochOf('a'), 1, {Put("k", "w")}).result, commit::CommitResult::kFenced);
  for (const int32_t partition : {0, 1}) {
    const auto refused = other.Acquire(EpochOf('c'), partition).result;
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error_class, ErrorClass::kFatal);
    EXPECT_THAT(refused.error().message, HasSubstr("millrace state rebuild"));
  }
  const KeySurvey rest = Survey(keys.get());
  EXPECT_EQ(rest.tasks.at(0).applied, (Offsets{{"in", 1}}));
  ASSERT_TRUE(*keys->Remove(rest, EpochOf('d'), Always));
  EXPECT_EQ(Size(), "0");
  const auto acquired = other.Acquire(EpochOf('e')).result;
  ASSERT_TRUE(acquired);
  EXPECT_TRUE(acquired->applied.empty());
}

TEST_F(FunctionKeysTest, AFormerOwnerWritesNothingOnceAllIsRemoved) {
  StoreUser owner(server_.url());
  ASSERT_TRUE(owner.Connect());
  ASSERT_TRUE(owner.Acquire(EpochOf('a')).result);
  const auto keys = Connect();
  ASSERT_TRUE(*keys->Remove(Survey(keys.get()), EpochOf('b'), Always));
  EXPECT_EQ(owner.Commit(EpochOf('a'), 0, {Put("k", "v")}).result, commit::CommitResult::kDiverged);
  EXPECT_EQ(Size(), "0");
}

TEST_F(FunctionKeysTest, ATaskOfAnotherTypeIsRemovedToo) {
  server_.Command({"SET", "{mr:test:f:2}:task", "not a hash"});
  const auto keys = Connect();
  ASSERT_TRUE(*keys->Remove(Survey(keys.get()), EpochOf('b'), Always));
  EXPECT_EQ(Size(), "0");
}

TEST_F(FunctionKeysTest, NothingToRemoveIsNoFailure) {
  const auto keys = Connect();
  const auto removed = keys->Remove(Survey(keys.get()), EpochOf('b'), Always);
  ASSERT_TRUE(removed);
  EXPECT_TRUE(*removed);
}

TEST_F(FunctionKeysTest, ARedisThatIsAwayOrGoesAwayMayComeBack) {
  Set("{mr:test:f:0}:s:totals");
  const auto keys = Connect();
  const KeySurvey found = Survey(keys.get());
  server_.Stop();
  const auto removed = keys->Remove(found, EpochOf('b'), Always);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().error_class, ErrorClass::kRetriable);
  const auto again = FunctionKeys::Connect(
      {.url = *ParseRedisUrl(server_.url()), .name_space = "test", .function = "f"}, &clock_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().error_class, ErrorClass::kRetriable);
  EXPECT_THAT(again.error().message, HasSubstr(std::to_string(server_.port())));
}

TEST_F(FunctionKeysTest, ARedisThatDoesNotAnswerIsGivenUp) {
  const auto keys = FunctionKeys::Connect({.url = *ParseRedisUrl(server_.url()),
                                           .name_space = "test",
                                           .function = "f",
                                           .times = {.command_timeout = Millis(200)}},
                                          &clock_);
  ASSERT_TRUE(keys);
  server_.Pause();
  const auto survey = (*keys)->Survey(Always);
  server_.Resume();
  ASSERT_FALSE(survey);
  EXPECT_EQ(survey.error().error_class, ErrorClass::kRetriable);
}

TEST_F(FunctionKeysTest, ARedisThatMustNotHoldStateIsRefused) {
  server_.Command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  const auto keys = FunctionKeys::Connect(
      {.url = *ParseRedisUrl(server_.url()), .name_space = "test", .function = "f"}, &clock_);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().error_class, ErrorClass::kFatal);
}

}  // namespace
}  // namespace millrace::redis
