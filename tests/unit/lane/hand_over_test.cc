// SPDX-License-Identifier: Apache-2.0
// How a task is given up: drained, or abandoned.
#include <gmock/gmock.h>

#include "unit/lane/counting_lanes.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::TestFunction;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Of the second unit: the first one stored where the task begins.
const std::string kReleasedNote = "2 mr.default.test.host.0 released";

class HandOverTest : public CountingLanes {};

TEST_F(HandOverTest, DrainCommitsWhatWasDoneAndReleasesWithItsOffsets) {
  Feed(3);
  Start(&bench);
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(Applied(), 0);
  bench.lane->Revoke(0);
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(Applied(), 3);
  const auto released = bench.lane->TakeReleased();
  ASSERT_THAT(released, SizeIs(1));
  EXPECT_THAT(released[0].final_offsets, ElementsAre(PartitionOffset{kIn, 3, kReleasedNote}));
  EXPECT_TRUE(bench.lane->idle());
  EXPECT_EQ(bench.source.open_count, 0u);
}

TEST_F(HandOverTest, DrainWaitsForOutputsAndForTheStore) {
  TestFunction emits(kCountingUses, [](HandlerEvent& event) {
    event.Emit(2, "k", "v");
    return CountEvent(event);
  });
  Feed(1);
  bench.sink.held = true;
  ASSERT_TRUE(bench.Create(&emits));
  bench.Assign();
  ASSERT_TRUE(bench.Run());
  bench.lane->Revoke(0);
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_THAT(bench.lane->TakeReleased(), IsEmpty());
  bench.store.held = true;
  bench.sink.Acknowledge();
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_THAT(bench.lane->TakeReleased(), IsEmpty());
  bench.store.Settle();
  ASSERT_TRUE(bench.Run());
  EXPECT_THAT(bench.lane->TakeReleased(), SizeIs(1));
}

TEST_F(HandOverTest, DrainDoesNotWaitForARetry) {
  TestFunction retries(kCountingUses, [](HandlerEvent& event) -> int32_t {
    return event.offset() == 1 ? MR_RETRY : CountEvent(event);
  });
  Feed(3);
  ASSERT_TRUE(bench.Create(&retries));
  bench.Assign();
  ASSERT_TRUE(bench.Run());
  ASSERT_TRUE(bench.Task().retry.has_value());
  bench.lane->Revoke(0);
  ASSERT_TRUE(bench.Run());
  const auto released = bench.lane->TakeReleased();
  ASSERT_THAT(released, SizeIs(1));
  EXPECT_THAT(released[0].final_offsets, ElementsAre(PartitionOffset{kIn, 1, kReleasedNote}));
  EXPECT_EQ(Stored(), "1");
}

TEST_F(HandOverTest, ARevokeOfATaskThatIsNotHereIsAnswered) {
  Start(&bench);
  bench.lane->Revoke(5);
  const auto released = bench.lane->TakeReleased();
  ASSERT_THAT(released, SizeIs(1));
  EXPECT_EQ(released[0].partition, 5);
  EXPECT_THAT(released[0].final_offsets, IsEmpty());
}

TEST_F(HandOverTest, AStoppedTaskCanBeRevoked) {
  TestFunction stops(kCountingUses, [](HandlerEvent&) { return MR_FATAL; });
  Feed(1);
  ASSERT_TRUE(bench.Create(&stops));
  bench.Assign();
  ASSERT_TRUE(bench.Run());
  ASSERT_TRUE(bench.lane->stop_reason());
  bench.lane->Revoke(0);
  ASSERT_TRUE(bench.Run());
  EXPECT_THAT(bench.lane->TakeReleased(), SizeIs(1));
}

TEST_F(HandOverTest, AbandonCommitsNothingMoreAndIsNotAnswered) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  Feed(3);
  ASSERT_TRUE(bench.Run());
  const size_t commits = bench.store.commits.size();
  const uint64_t group_commits = bench.group.commits;
  bench.lane->Abandon(0);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.store.commits.size(), commits);
  EXPECT_EQ(bench.group.commits, group_commits);
  EXPECT_THAT(bench.lane->TakeReleased(), IsEmpty());
  EXPECT_TRUE(bench.lane->idle());
}

TEST_F(HandOverTest, AnAppliedCommitOfAnAbandonedTaskDoesNotReachTheGroup) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  const uint64_t group_commits = bench.group.commits;
  Feed(3);
  bench.settings.commit_interval = Millis(0);
  bench.lane->Revoke(0);
  bench.lane->Abandon(0);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.group.commits, group_commits);
}

TEST_F(HandOverTest, ATaskThatComesBackAfterAbandonGoesOnFromApplied) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  Feed(3);
  ASSERT_TRUE(bench.Run());
  bench.lane->Abandon(0);
  bench.Assign();
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "3");
  EXPECT_EQ(world.group.committed[kIn], 3);
}

TEST_F(HandOverTest, OutputsOfAnAbandonedTaskMayBeAcknowledgedLater) {
  TestFunction emits(kCountingUses, [](HandlerEvent& event) {
    event.Emit(2, "k", "v");
    return CountEvent(event);
  });
  Feed(3);
  bench.sink.held = true;
  ASSERT_TRUE(bench.Create(&emits));
  bench.Assign();
  ASSERT_TRUE(bench.Run());
  bench.lane->Abandon(0);
  ASSERT_TRUE(bench.Run());
  bench.sink.Acknowledge();
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(bench.sink.queued_bytes(), 0u);
  bench.lane.reset();
  EXPECT_TRUE(bench.sink.detached);
}

}  // namespace
}  // namespace millrace::lane
