// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using commit::CommitReply;
using commit::CommitResult;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kTaskKey[] = "{mr:test:f:0}:task";
constexpr char kOutboxKey[] = "{mr:test:f:0}:o";

class OutboxTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(user_.Connect()) << user_.store().last_error();
    ASSERT_TRUE(user_.Acquire(epoch_).result);
  }
  CommitResult Commit(const StoreUser::OutboxUnit& unit) {
    return user_.Commit(epoch_, unit).result;
  }
  commit::AcquireReply AcquireAgain() { return user_.Acquire(EpochOf('b')); }
  static std::vector<uint64_t> Seqs(const commit::Acquired& acquired) {
    std::vector<uint64_t> seqs;
    for (const commit::Publication& entry : acquired.outbox) seqs.push_back(entry.seq);
    return seqs;
  }

  RedisServer server_;
  StoreUser user_{server_.url()};
  const std::string epoch_ = EpochOf('a');
};

TEST_F(OutboxTest, NextOwnerFindsWhatIsNotTrimmed) {
  EXPECT_EQ(Commit({.expected = 0, .seq = 1, .outputs = Outputs(1, "one")}),
            CommitResult::kApplied);
  EXPECT_EQ(Commit({.expected = 1, .seq = 2, .outputs = Outputs(2, "two", {{"in", 50}})}),
            CommitResult::kApplied);
  EXPECT_EQ(Commit({.expected = 2, .seq = 3, .published = 1, .trimmed = {1}}),
            CommitResult::kApplied);
  const auto reply = AcquireAgain();
  ASSERT_TRUE(reply.result) << reply.result.error().message;
  EXPECT_EQ(reply.result->seq, 3u);
  EXPECT_EQ(reply.result->published_seq, 1u);
  ASSERT_EQ(reply.result->outbox.size(), 1u);
  const commit::Publication& entry = reply.result->outbox[0];
  EXPECT_EQ(entry.seq, 2u);
  EXPECT_EQ(entry.applied, (Offsets{{"in", 50}}));
  EXPECT_EQ(entry.outputs, 1u);
  EXPECT_EQ(entry.packed, Outputs(2, "two", {{"in", 50}})->packed);
}

TEST_F(OutboxTest, SeqMayLeapAndEntriesAreOrderedAsNumbers) {
  EXPECT_EQ(Commit({.expected = 0, .seq = 9, .outputs = Outputs(9, "a")}), CommitResult::kApplied);
  EXPECT_EQ(Commit({.expected = 8, .seq = 10, .outputs = Outputs(10, "x")}),
            CommitResult::kDiverged);
  EXPECT_EQ(Commit({.expected = 9, .seq = 100, .outputs = Outputs(100, "b")}),
            CommitResult::kApplied);
  EXPECT_EQ(Commit({.expected = 100, .seq = 9007199254740993, .outputs = Outputs(1, "c")}),
            CommitResult::kApplied);
  EXPECT_THAT(Seqs(*AcquireAgain().result), ElementsAre(9u, 100u, 9007199254740993u));
}

TEST_F(OutboxTest, LayoutIsReadableWithPlainCommands) {
  const auto binary = Outputs(1, Slice("a\0b\r\n", 5));
  Commit({.expected = 0, .seq = 1, .outputs = binary});
  EXPECT_EQ(server_.Command({"HKEYS", kOutboxKey}), "1\n");
  EXPECT_EQ(server_.Command({"HGET", kOutboxKey, "1"}), binary->packed);
  EXPECT_EQ(server_.Command({"HEXISTS", kTaskKey, "published"}), "0");
  Commit({.expected = 1, .seq = 2, .published = 1, .trimmed = {1}});
  EXPECT_EQ(server_.Command({"HLEN", kOutboxKey}), "0");
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "published"}), "1");
}

TEST_F(OutboxTest, AnAppliedUnitWithoutNewsOfTheBrokerKeepsPublished) {
  Commit({.expected = 0, .seq = 5, .published = 4});
  Commit({.expected = 5, .seq = 6});
  EXPECT_EQ(AcquireAgain().result->published_seq, 4u);
}

TEST_F(OutboxTest, ARefusedUnitTouchesNeitherOutboxNorPublished) {
  Commit({.expected = 0, .seq = 1, .outputs = Outputs(1, "one")});
  const std::string task = server_.Command({"HGETALL", kTaskKey});
  EXPECT_EQ(
      Commit({.expected = 7, .seq = 8, .outputs = Outputs(8, "x"), .published = 1, .trimmed = {1}}),
      CommitResult::kDiverged);
  EXPECT_EQ(
      user_.Commit(EpochOf('f'), {.expected = 1, .seq = 2, .published = 1, .trimmed = {1}}).result,
      CommitResult::kFenced);
  EXPECT_EQ(server_.Command({"HGETALL", kTaskKey}), task);
  EXPECT_EQ(server_.Command({"HKEYS", kOutboxKey}), "1\n");
}

TEST_F(OutboxTest, AKeyOfAnotherTypeIsRejectedByCommitAndRefusedByAcquire) {
  server_.Command({"SET", kOutboxKey, "a string"});
  const std::string task = server_.Command({"HGETALL", kTaskKey});
  const CommitReply reply =
      user_.Commit(epoch_, {.expected = 0, .seq = 1, .outputs = Outputs(1, "one")});
  EXPECT_EQ(reply.result, CommitResult::kRejected);
  EXPECT_THAT(reply.detail, HasSubstr("key {mr:test:f:0}:o holds a string where a hash belongs"));
  const auto acquired = AcquireAgain();
  ASSERT_FALSE(acquired.result);
  EXPECT_EQ(acquired.result.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(acquired.result.error().message, HasSubstr("key {mr:test:f:0}:o holds a string"));
  EXPECT_EQ(server_.Command({"HGETALL", kTaskKey}), task);
  EXPECT_EQ(server_.Command({"GET", kOutboxKey}), "a string");
}

TEST_F(OutboxTest, WhatSomebodyElseWroteThereIsFatalAndNamed) {
  Commit({.expected = 0, .seq = 1, .outputs = Outputs(1, "one")});
  server_.Command({"HSET", kOutboxKey, "2", "not packed"});
  const auto damaged = AcquireAgain();
  ASSERT_FALSE(damaged.result);
  EXPECT_EQ(damaged.result.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(damaged.result.error().message, HasSubstr("field 2 of key {mr:test:f:0}:o"));
  server_.Command({"HDEL", kOutboxKey, "2"});
  server_.Command({"HSET", kOutboxKey, "note", Outputs(1, "one")->packed});
  const auto named = AcquireAgain();
  ASSERT_FALSE(named.result);
  EXPECT_THAT(named.result.error().message, HasSubstr("field note of key {mr:test:f:0}:o"));
}

TEST_F(OutboxTest, AnEmptiedStoreIsToldApartFromAnotherOwner) {
  Commit({.expected = 0, .seq = 1, .outputs = Outputs(1, "one")});
  server_.Command({"FLUSHALL"});
  const CommitReply reply =
      user_.Commit(epoch_, {.expected = 1, .seq = 2, .outputs = Outputs(2, "two")});
  EXPECT_EQ(reply.result, CommitResult::kDiverged);
  EXPECT_THAT(reply.detail, HasSubstr("the store does not know the task any more"));
  EXPECT_EQ(server_.Command({"DBSIZE"}), "0");
  const auto acquired = AcquireAgain();
  ASSERT_TRUE(acquired.result);
  EXPECT_EQ(acquired.result->seq, 0u);
  EXPECT_TRUE(acquired.result->outbox.empty());
}

TEST_F(OutboxTest, AFullStoreAppliesAUnitWholeOrNotAtAll) {
  Commit({.expected = 0, .seq = 1, .outputs = Outputs(1, "one")});
  server_.Command({"CONFIG", "SET", "maxmemory", "1"});
  const CommitResult result = Commit(
      {.expected = 1, .seq = 2, .outputs = Outputs(2, "two"), .published = 1, .trimmed = {1}});
  server_.Command({"CONFIG", "SET", "maxmemory", "0"});
  const std::string seq = server_.Command({"HGET", kTaskKey, "seq"});
  EXPECT_EQ(result == CommitResult::kApplied ? "2" : "1",
            seq);  // all or nothing, as the reply says
  EXPECT_EQ(server_.Command({"HKEYS", kOutboxKey}), seq + "\n");
}

TEST_F(OutboxTest, MoreTrimsThanLuasStackHoldsAreOneUnit) {
  std::vector<std::string> words = {"HSET", kOutboxKey};
  std::vector<uint64_t> trimmed;
  for (uint64_t seq = 1; seq <= 20'001; ++seq) {
    words.insert(words.end(), {std::to_string(seq), "x"});
    trimmed.push_back(seq);
  }
  server_.Command(words);
  EXPECT_EQ(Commit({.expected = 0,
                    .seq = 20'002,
                    .outputs = Outputs(20'002, "last"),
                    .published = 20'001,
                    .trimmed = trimmed}),
            CommitResult::kApplied);
  EXPECT_EQ(server_.Command({"HKEYS", kOutboxKey}), "20002\n");
}

}  // namespace
}  // namespace millrace::redis
