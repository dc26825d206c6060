// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using commit::CommitResult;
using testing::HasSubstr;

constexpr char kTaskKey[] = "{mr:test:f:0}:task";
constexpr char kRedoKey[] = "{mr:test:f:0}:r";

std::string Redo(Slice key, Slice value) {
  static const std::vector<std::string> kStates = {"totals", "carts", "names"};
  commit::RedoWriter writer(&kStates);
  writer.Add({.state = kTotals, .key = key, .value = value});
  return writer.Finish();
}

class RedoTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(user_.Connect() && other_.Connect()) << user_.store().last_error();
    ASSERT_TRUE(user_.Acquire(epoch_).result);
  }
  struct RedoUnit {
    uint64_t seq = 0;
    std::vector<Write> writes = {};
    std::string redo = {};
    std::vector<uint64_t> trimmed = {};
  };
  commit::CommitReply Commit(const std::string& epoch, const RedoUnit& unit) {
    user_.store().StartCommit({.partition = 0,
                               .epoch = &epoch,
                               .expected_seq = unit.seq - 1,
                               .seq = unit.seq,
                               .writes = unit.writes,
                               .redo = unit.redo,
                               .redo_trimmed = unit.trimmed});
    return user_.NextCommit();
  }
  CommitResult Commit(const RedoUnit& unit) { return Commit(epoch_, unit).result; }
  std::string Seen(StoreUser* user, Slice key) {
    const state::ReadItem item{kTotals, key, {}};
    const state::ReadReply reply = user->store().ReadNow(0, {&item, 1});
    if (!reply.status) return reply.status.error().message;
    return reply.found[0].value.Copy().value_or("none");
  }

  RedisServer server_;
  StoreUser user_{server_.url()};
  StoreUser other_{server_.url(), state::ReadView::kCommitted};
  const std::string epoch_ = EpochOf('a');
};

TEST_F(RedoTest, NextOwnerFindsWhatIsNotTrimmed) {
  EXPECT_EQ(Commit({.seq = 1, .writes = {Put("a", "1")}}), CommitResult::kApplied);
  EXPECT_EQ(Commit({.seq = 2, .redo = Redo("a", "2")}), CommitResult::kApplied);
  EXPECT_EQ(Commit({.seq = 3, .redo = Redo("a", "3")}), CommitResult::kApplied);
  EXPECT_EQ(Commit({.seq = 4, .redo = Redo("b", {}), .trimmed = {2}}), CommitResult::kApplied);
  const auto reply = user_.Acquire(EpochOf('b'));
  ASSERT_TRUE(reply.result) << reply.result.error().message;
  ASSERT_EQ(reply.result->redo.size(), 2u);
  EXPECT_EQ(reply.result->redo[0].seq, 3u);
  EXPECT_EQ(reply.result->redo[0].packed, Redo("a", "3"));
  EXPECT_EQ(reply.result->redo[1].seq, 4u);
}

TEST_F(RedoTest, OthersThanTheOwnerSeeWhatIsCommitted) {
  Commit({.seq = 1, .writes = {Put("a", "1"), Put("b", "1"), Put("c", "1")}});
  Commit({.seq = 2, .redo = Redo("a", "2")});
  Commit({.seq = 3, .redo = Redo("b", {})});
  Commit({.seq = 10, .writes = {}, .redo = {}});  // diverged: no such predecessor
  Commit({.seq = 4, .redo = Redo("d", "1")});
  EXPECT_EQ(Seen(&user_, "a"), "1");
  EXPECT_EQ(Seen(&other_, "a"), "2");
  EXPECT_EQ(Seen(&other_, "b"), "none");
  EXPECT_EQ(Seen(&other_, "c"), "1");
  EXPECT_EQ(Seen(&other_, "d"), "1");
  Commit({.seq = 5, .writes = {Put("a", "2")}, .trimmed = {2}});
  EXPECT_EQ(Seen(&other_, "a"), "2");
}

TEST_F(RedoTest, ARefusedUnitTouchesNothingOfTheRedo) {
  Commit({.seq = 1, .redo = Redo("a", "1")});
  const RedoUnit late{.seq = 2, .writes = {Put("a", "9")}, .redo = Redo("a", "9"), .trimmed = {1}};
  EXPECT_EQ(Commit(EpochOf('f'), late).result, CommitResult::kFenced);
  EXPECT_EQ(Commit({.seq = 7, .writes = {Put("a", "9")}, .trimmed = {1}}), CommitResult::kDiverged);
  EXPECT_EQ(server_.Command({"HKEYS", kRedoKey}), "1\n");
  EXPECT_EQ(Seen(&user_, "a"), "none");
  EXPECT_EQ(Seen(&other_, "a"), "1");
}

TEST_F(RedoTest, StateOfTheFormatBeforeIsReadAndWrittenAsTheNewOne) {
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "format"}), "2");
  Commit({.seq = 1, .writes = {Put("a", "1")}});
  server_.Command({"HSET", kTaskKey, "format", "1"});
  EXPECT_EQ(Commit({.seq = 2, .redo = Redo("a", "2")}), CommitResult::kApplied);
  ASSERT_TRUE(user_.Acquire(EpochOf('b')).result);
  EXPECT_EQ(server_.Command({"HGET", kTaskKey, "format"}), "2");
  server_.Command({"HSET", kTaskKey, "format", "3"});
  const auto reply = user_.Acquire(EpochOf('c'));
  ASSERT_FALSE(reply.result);
  EXPECT_THAT(reply.result.error().message, HasSubstr("has the layout format \"3\""));
}

TEST_F(RedoTest, WhatSomebodyElseWroteThereIsFatalAndNamed) {
  server_.Command({"HSET", kRedoKey, "2", "not packed"});
  const auto damaged = user_.Acquire(EpochOf('b'));
  ASSERT_FALSE(damaged.result);
  EXPECT_EQ(damaged.result.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(damaged.result.error().message, HasSubstr("field 2 of key {mr:test:f:0}:r"));
  EXPECT_THAT(Seen(&other_, "a"), HasSubstr("key {mr:test:f:0}:r holds a damaged entry"));
  server_.Command({"DEL", kRedoKey});
  server_.Command({"SET", kRedoKey, "a string"});
  const auto refused = user_.Acquire(EpochOf('b'));
  ASSERT_FALSE(refused.result);
  EXPECT_THAT(refused.result.error().message,
              HasSubstr("key {mr:test:f:0}:r holds a string where a hash belongs"));
  const RedoUnit unit{.seq = 1, .redo = Redo("a", "1")};
  EXPECT_EQ(Commit(EpochOf('b'), unit).result, CommitResult::kRejected) << "the last to acquire";
}

}  // namespace
}  // namespace millrace::redis
