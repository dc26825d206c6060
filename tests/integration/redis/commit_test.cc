// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using commit::CommitReply;
using commit::CommitResult;
using testing::HasSubstr;

constexpr char kTaskKey[] = "{mr:test:f:0}:task";
constexpr char kTotalsKey[] = "{mr:test:f:0}:s:totals";

class CommitTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(user_.Connect()) << user_.store().last_error(); }

  RedisServer server_;
  StoreUser user_{server_.url()};
  const std::string epoch_ = EpochOf('a');
};

TEST_F(CommitTest, FirstAcquireFindsNothing) {
  const auto reply = user_.Acquire(epoch_);
  ASSERT_TRUE(reply.result) << reply.result.error().message;
  EXPECT_EQ(reply.epoch, epoch_);
  EXPECT_EQ(reply.result->seq, 0u);
  EXPECT_TRUE(reply.result->applied.empty());
  EXPECT_EQ(reply.result->former_owner, "");
}

TEST_F(CommitTest, AcquireReturnsWhatTheFormerOwnerLeft) {
  user_.Acquire(epoch_);
  user_.Commit(epoch_, 0, {Put("k", "v")}, {{"b", 7}, {"a", 9007199254740993}});
  const auto reply = user_.Acquire(EpochOf('b'));
  ASSERT_TRUE(reply.result);
  EXPECT_EQ(reply.result->seq, 1u);
  EXPECT_EQ(reply.result->applied, (Offsets{{"a", 9007199254740993}, {"b", 7}}));
  EXPECT_EQ(reply.result->former_owner, "mr.test.f.host.0");
}

TEST_F(CommitTest, AnotherGroupIsRefusedAndChangesNothing) {
  user_.Acquire(epoch_);
  const std::string before = server_.Command({"HGETALL", kTaskKey});
  const auto reply = user_.Acquire({0, EpochOf('b'), "mr.test.f.other.0", "another-group", 4});
  ASSERT_FALSE(reply.result);
  EXPECT_EQ(reply.result.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(reply.result.error().message,
              HasSubstr("is kept for group millrace.test.f; this function's group is "
                        "another-group"));
  EXPECT_EQ(server_.Command({"HGETALL", kTaskKey}), before);
}

TEST_F(CommitTest, AnotherPartitionCountIsRefusedWithBoth) {
  user_.Acquire(epoch_);
  const std::string before = server_.Command({"HGETALL", kTaskKey});
  const auto reply = user_.Acquire({0, EpochOf('b'), "o", "millrace.test.f", 8});
  ASSERT_FALSE(reply.result);
  EXPECT_THAT(reply.result.error().message,
              HasSubstr("kept with 4 partitions; the input topics have 8"));
  EXPECT_EQ(server_.Command({"HGETALL", kTaskKey}), before);
}

TEST_F(CommitTest, AnotherFormatIsRefused) {
  server_.Command({"HSET", kTaskKey, "epoch", "x", "format", "7"});
  const auto reply = user_.Acquire(epoch_);
  ASSERT_FALSE(reply.result);
  EXPECT_THAT(reply.result.error().message, HasSubstr("format \"7\""));
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "epoch"}), "x");
}

TEST_F(CommitTest, LayoutIsReadableWithPlainCommands) {
  user_.Acquire(epoch_);
  const auto reply =
      user_.Commit(epoch_, 0, {Put("k", "v"), PutField("cart", "apple", "3")}, {{"in", 42}});
  EXPECT_EQ(reply.result, CommitResult::kApplied) << reply.detail;
  EXPECT_EQ(server_.Command({"HGET", kTotalsKey, "k"}), "v");
  EXPECT_EQ(server_.Command({"HGETALL", "{mr:test:f:0}:m:carts:cart"}), "apple\n3\n");
  EXPECT_EQ(server_.Command({"HMGET", kTaskKey, "seq", "applied:in", "epoch", "owner", "group",
                             "partitions", "format"}),
            "1\n42\n" + epoch_ + "\nmr.test.f.host.0\nmillrace.test.f\n4\n2\n");
}

TEST_F(CommitTest, ZombieCommitIsFenced) {
  user_.Acquire(epoch_);
  StoreUser successor(server_.url());
  ASSERT_TRUE(successor.Connect());
  successor.Acquire(EpochOf('b'));
  const CommitReply reply = user_.Commit(epoch_, 0, {Put("k", "zombie")});
  EXPECT_EQ(reply.result, CommitResult::kFenced);
  EXPECT_EQ(reply.epoch, epoch_);
  EXPECT_THAT(reply.detail, HasSubstr("mr.test.f.host.0"));
  EXPECT_EQ(server_.Command({"EXISTS", kTotalsKey}), "0");
  EXPECT_EQ(server_.Command({"HEXISTS", kTaskKey, "seq"}), "0");
}

TEST_F(CommitTest, CommitOnAnotherPredecessorDiverges) {
  user_.Acquire(epoch_);
  user_.Commit(epoch_, 0, {Put("k", "1")});
  const CommitReply reply = user_.Commit(epoch_, 0, {Put("k", "2")});
  EXPECT_EQ(reply.result, CommitResult::kDiverged);
  EXPECT_THAT(reply.detail, HasSubstr("is at seq 1"));
  EXPECT_EQ(server_.Command({"HGET", kTotalsKey, "k"}), "1");
}

TEST_F(CommitTest, NothingFollowsADivergedUnitOfAChain) {
  user_.Acquire(epoch_);
  server_.Command({"HSET", kTaskKey, "seq", "5"});
  for (uint64_t seq = 0; seq < 3; ++seq) user_.StartCommit(epoch_, seq, {Put("k", "x")});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(user_.NextCommit().result, CommitResult::kDiverged);
  EXPECT_EQ(server_.Command({"EXISTS", kTotalsKey}), "0");
}

TEST_F(CommitTest, LongNumbersAreComparedExactly) {
  user_.Acquire(epoch_);
  server_.Command({"HSET", kTaskKey, "seq", "9007199254740993"});
  EXPECT_EQ(user_.Commit(epoch_, 9007199254740992, {Put("k", "x")}).result,
            CommitResult::kDiverged);
  EXPECT_EQ(user_.Commit(epoch_, 9007199254740993, {Put("k", "x")}).result, CommitResult::kApplied);
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "seq"}), "9007199254740994");
}

TEST_F(CommitTest, WrongTypeIsRejectedBeforeAnythingIsWritten) {
  user_.Acquire(epoch_);
  user_.Commit(epoch_, 0, {PutField("old", "f", "1")});
  server_.Command({"SET", "{mr:test:f:0}:m:carts:bad", "a string"});
  const CommitReply reply = user_.Commit(
      epoch_, 1, {Put("k", "v"), EraseMap("old"), PutField("bad", "f", "2")}, {{"in", 9}});
  EXPECT_EQ(reply.result, CommitResult::kRejected);
  EXPECT_THAT(reply.detail, HasSubstr("key {mr:test:f:0}:m:carts:bad holds a string"));
  EXPECT_EQ(server_.Command({"EXISTS", kTotalsKey}), "0");
  EXPECT_EQ(server_.Command({"HGET", "{mr:test:f:0}:m:carts:old", "f"}), "1");
  EXPECT_EQ(server_.Command({"HMGET", kTaskKey, "seq", "applied:in"}), "1\n1\n");
  EXPECT_EQ(user_.Commit(epoch_, 1, {Put("k", "v")}).result, CommitResult::kApplied);
}

TEST_F(CommitTest, FullStoreRejectsAndChangesNothing) {
  user_.Acquire(epoch_);
  server_.Command({"CONFIG", "SET", "maxmemory", "1"});
  const CommitReply reply = user_.Commit(epoch_, 0, {Put("k", "v")});
  EXPECT_EQ(reply.result, CommitResult::kRejected);
  EXPECT_THAT(reply.detail, HasSubstr("OOM"));
  server_.Command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(server_.Command({"EXISTS", kTotalsKey}), "0");
  EXPECT_EQ(user_.Commit(epoch_, 0, {Put("k", "v")}).result, CommitResult::kApplied);
}

TEST_F(CommitTest, AUnitErasesAndWritesTheSameMap) {
  user_.Acquire(epoch_);
  user_.Commit(epoch_, 0, {PutField("c", "a", "1"), PutField("c", "b", "2"), Put("k", "v")});
  const CommitReply reply =
      user_.Commit(epoch_, 1, {EraseMap("c"), PutField("c", "z", "9"), Erase("k")});
  EXPECT_EQ(reply.result, CommitResult::kApplied) << reply.detail;
  EXPECT_EQ(server_.Command({"HGETALL", "{mr:test:f:0}:m:carts:c"}), "z\n9\n");
  EXPECT_EQ(server_.Command({"EXISTS", kTotalsKey}), "0");
  EXPECT_EQ(user_.Commit(epoch_, 2, {EraseField("c", "z")}).result, CommitResult::kApplied);
  EXPECT_EQ(server_.Command({"EXISTS", "{mr:test:f:0}:m:carts:c"}), "0");
}

TEST_F(CommitTest, UnitsLargerThanLuasStackAreAppliedWhole) {
  user_.Acquire(epoch_);
  std::vector<std::string> keys;
  for (int i = 0; i < 20'001; ++i) keys.push_back("key-" + std::to_string(i));
  std::vector<Write> puts, erases;
  for (const std::string& key : keys) {
    puts.push_back(Put(key, key));
    if (key != "key-7") erases.push_back(Erase(key));
  }
  EXPECT_EQ(user_.Commit(epoch_, 0, puts).result, CommitResult::kApplied);
  EXPECT_EQ(server_.Command({"HLEN", kTotalsKey}), "20001");
  EXPECT_EQ(server_.Command({"HGET", kTotalsKey, "key-20000"}), "key-20000");
  EXPECT_EQ(user_.Commit(epoch_, 1, erases).result, CommitResult::kApplied);
  EXPECT_EQ(server_.Command({"HGETALL", kTotalsKey}), "key-7\nkey-7\n");
}

TEST_F(CommitTest, AUnitWithoutWritesMovesOnlyTheOffset) {
  user_.Acquire(epoch_);
  EXPECT_EQ(user_.Commit(epoch_, 0, {}, {{"in", 5}}).result, CommitResult::kApplied);
  EXPECT_EQ(server_.Command({"HMGET", kTaskKey, "seq", "applied:in"}), "1\n5\n");
  EXPECT_EQ(server_.Command({"DBSIZE"}), "1");
}

TEST_F(CommitTest, PipelinedCommitsAreAppliedAndAnsweredInOrder) {
  constexpr uint64_t kCommits = 200'000;
  constexpr uint64_t kWindow = 2'000;
  user_.Acquire(epoch_);
  uint64_t started = 0;
  for (uint64_t answered = 0; answered < kCommits; ++answered) {
    while (started < kCommits && started < answered + kWindow) {
      user_.StartCommit(epoch_, started++, {Put("k", "v")});
    }
    const CommitReply reply = user_.NextCommit();
    ASSERT_EQ(reply.result, CommitResult::kApplied) << reply.detail;
    ASSERT_EQ(reply.seq, answered + 1);
  }
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "seq"}), std::to_string(kCommits));
}

}  // namespace
}  // namespace millrace::redis
