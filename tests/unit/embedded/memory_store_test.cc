// SPDX-License-Identifier: Apache-2.0
#include "embedded/memory_store.h"

#include <gmock/gmock.h>

#include <thread>

namespace millrace::embedded {
namespace {

using commit::CommitResult;
using commit::WriteOp;
using state::Found;

const std::vector<state::StateDecl> kStates = {{state::StateKind::kValue, "totals"},
                                               {state::StateKind::kMap, "carts"}};

class MemoryStoreTest : public testing::Test {
 protected:
  std::unique_ptr<MemoryStorePort> Open(std::string function = "f") {
    return MemoryStore::Open(store_, "ns", std::move(function), kStates);
  }
  static commit::AcquireReply Acquire(MemoryStorePort& port, std::string epoch,
                                      std::string group = "g", int partitions = 4) {
    port.StartAcquire({.partition = 0,
                       .epoch = std::move(epoch),
                       .owner = "owner",
                       .group = std::move(group),
                       .partition_count = partitions});
    commit::AcquireReply reply;
    EXPECT_TRUE(port.PollAcquire(&reply));
    return reply;
  }
  static CommitResult Commit(MemoryStorePort& port, std::string epoch, uint64_t expected,
                             std::vector<WriteOp> writes) {
    const Offsets applied = {{"in", static_cast<int64_t>(expected) + 1}};
    port.StartCommit({.partition = 0,
                      .epoch = &epoch,
                      .expected_seq = expected,
                      .seq = expected + 1,
                      .applied = applied,
                      .writes = writes});
    commit::CommitReply reply;
    EXPECT_TRUE(port.PollCommit(&reply));
    return reply.result;
  }
  static WriteOp Put(Slice key, Slice value) {
    return {WriteOp::Kind::kPutValue, 0, key, {}, value};
  }

  std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
};

TEST_F(MemoryStoreTest, OthersThanTheOwnerSeeWhatIsCommitted) {
  const auto owner = Open();
  const auto other = MemoryStore::Open(store_, "ns", "f", kStates, state::ReadView::kCommitted);
  Acquire(*owner, "a");
  EXPECT_EQ(Commit(*owner, "a", 0, {Put("k", "1")}), CommitResult::kApplied);
  static const std::vector<std::string> kNames = {"totals"};
  commit::RedoWriter writer(&kNames);
  writer.Add({.state = 0, .key = "k", .value = "2"});
  const std::string epoch = "a", redo = writer.Finish();
  owner->StartCommit({.partition = 0, .epoch = &epoch, .expected_seq = 1, .seq = 2, .redo = redo});
  commit::CommitReply committed;
  ASSERT_TRUE(owner->PollCommit(&committed));
  EXPECT_EQ(committed.result, CommitResult::kApplied);
  const std::vector<state::ReadItem> items = {{0, "k", {}}};
  EXPECT_EQ(owner->ReadNow(0, items).found[0].value, Slice("1"));
  EXPECT_EQ(other->ReadNow(0, items).found[0].value, Slice("2"));
  const auto acquired = Acquire(*owner, "b").result;
  ASSERT_TRUE(acquired);
  ASSERT_EQ(acquired->redo.size(), 1u);
  EXPECT_EQ(acquired->redo[0].seq, 2u);
}

TEST_F(MemoryStoreTest, LanesOfAFunctionShareItsState) {
  const auto first = Open(), second = Open(), other = Open("g");
  Acquire(*first, "a");
  EXPECT_EQ(Commit(*first, "a", 0, {Put("k", "v")}), CommitResult::kApplied);
  const std::vector<state::ReadItem> items = {{0, "k", {}}};
  EXPECT_EQ(second->ReadNow(0, items).found[0].value, Slice("v"));
  EXPECT_EQ(other->ReadNow(0, items).found[0].what, Found::What::kAbsent);
  EXPECT_EQ(second->ReadNow(1, items).found[0].what, Found::What::kAbsent);
}

TEST_F(MemoryStoreTest, ZombieCommitIsFenced) {
  const auto zombie = Open(), successor = Open();
  Acquire(*zombie, "a");
  EXPECT_EQ(Acquire(*successor, "b").result->former_owner, "owner");
  EXPECT_EQ(Commit(*zombie, "a", 0, {Put("k", "v")}), CommitResult::kFenced);
  EXPECT_EQ(Commit(*successor, "b", 0, {}), CommitResult::kApplied);
}

TEST_F(MemoryStoreTest, CommitOnAnotherPredecessorDiverges) {
  const auto port = Open();
  Acquire(*port, "a");
  EXPECT_EQ(Commit(*port, "a", 1, {Put("k", "v")}), CommitResult::kDiverged);
  const std::vector<state::ReadItem> items = {{0, "k", {}}};
  EXPECT_EQ(port->ReadNow(0, items).found[0].what, Found::What::kAbsent);
}

TEST_F(MemoryStoreTest, CommitOfATaskThatNobodyOwnsDiverges) {
  const auto port = Open();
  EXPECT_EQ(Commit(*port, "a", 0, {Put("k", "v")}), CommitResult::kDiverged);
  Acquire(*port, "a");
  EXPECT_EQ(Commit(*port, "a", 0, {Put("k", "v")}), CommitResult::kApplied);
}

TEST_F(MemoryStoreTest, OutboxKeepsWhatIsNotTrimmed) {
  const auto port = Open();
  Acquire(*port, "a");
  const std::string epoch = "a";
  const auto commit = [&](uint64_t expected, uint64_t seq, std::string packed,
                          std::vector<uint64_t> trimmed, uint64_t published) {
    const commit::Publication outputs{.seq = seq, .applied = {}, .packed = std::move(packed)};
    port->StartCommit({.partition = 0,
                       .epoch = &epoch,
                       .expected_seq = expected,
                       .seq = seq,
                       .publication = &outputs,
                       .published_seq = published,
                       .trimmed = trimmed});
    commit::CommitReply reply;
    return port->PollCommit(&reply) ? reply.result : CommitResult::kUnavailable;
  };
  EXPECT_EQ(commit(0, 9, "nine", {}, 0), CommitResult::kApplied);
  EXPECT_EQ(commit(9, 10, "", {}, 0), CommitResult::kApplied);
  EXPECT_EQ(commit(10, 11, "eleven", {}, 0), CommitResult::kApplied);
  EXPECT_EQ(commit(10, 12, "lost", {11}, 11), CommitResult::kDiverged);
  EXPECT_EQ(commit(11, 20, "twenty", {9}, 9), CommitResult::kApplied);
  EXPECT_EQ(commit(20, 21, "", {}, 0), CommitResult::kApplied);
  const auto reply = Acquire(*port, "b");
  ASSERT_TRUE(reply.result);
  EXPECT_EQ(reply.result->seq, 21u);
  EXPECT_EQ(reply.result->published_seq, 9u);
  ASSERT_EQ(reply.result->outbox.size(), 2u);
  EXPECT_EQ(reply.result->outbox[0].seq, 11u);
  EXPECT_EQ(reply.result->outbox[0].packed, "eleven");
  EXPECT_EQ(reply.result->outbox[1].seq, 20u);
}

TEST_F(MemoryStoreTest, AnotherGroupOrPartitionCountIsRefused) {
  const auto port = Open();
  Acquire(*port, "a");
  EXPECT_FALSE(Acquire(*port, "b", "another").result);
  EXPECT_FALSE(Acquire(*port, "b", "g", 5).result);
  EXPECT_EQ(Commit(*port, "a", 0, {}), CommitResult::kApplied);  // the epoch is still ours
}

TEST_F(MemoryStoreTest, RepliesComeInTheOrderOfTheReads) {
  const auto port = Open();
  const std::vector<state::ReadItem> items = {{0, "k", {}}};
  const state::ReadId first = port->StartRead(0, items), second = port->StartRead(0, items);
  state::ReadReply reply;
  ASSERT_TRUE(port->PollRead(&reply));
  EXPECT_EQ(reply.id, first);
  ASSERT_TRUE(port->PollRead(&reply));
  EXPECT_EQ(reply.id, second);
  EXPECT_FALSE(port->PollRead(&reply));
}

TEST_F(MemoryStoreTest, LargeMapsAreReadWholeOnlyWhenAskedFor) {
  const auto port = Open();
  Acquire(*port, "a");
  const std::string big(state::kWholeMapBytesMax, 'x');
  Commit(*port, "a", 0, {{WriteOp::Kind::kPutField, 1, "m", "f", big}});
  const std::vector<state::ReadItem> items = {{1, "m", {}}};
  EXPECT_EQ(port->ReadNow(0, items).found[0].what, Found::What::kLargeMap);
  const auto whole = port->ReadWholeMapNow(0, 1, "m");
  ASSERT_EQ(whole.found[0].what, Found::What::kMap);
  EXPECT_EQ(whole.entries[0].value, Slice(big));
}

TEST_F(MemoryStoreTest, LanesOnSeveralThreadsDoNotDisturbEachOther) {
  std::vector<std::thread> lanes;
  for (int lane = 0; lane < 4; ++lane) {
    lanes.emplace_back([this, lane] {
      const auto port = Open("f" + std::to_string(lane % 2));
      Acquire(*port, std::to_string(lane));
      for (int i = 0; i < 500; ++i) {
        Commit(*port, std::to_string(lane), static_cast<uint64_t>(i), {Put("k", "v")});
      }
    });
  }
  for (std::thread& lane : lanes) lane.join();
}

}  // namespace
}  // namespace millrace::embedded
