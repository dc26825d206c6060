// SPDX-License-Identifier: Apache-2.0
// Who owns a task, from where it begins, and what happens when that is in doubt.
#include <gmock/gmock.h>

#include "unit/lane/counting_lanes.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::LaneBench;
using fakes::Stateful;
using fakes::TestFunction;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class OwnershipTest : public CountingLanes {};

TEST_F(OwnershipTest, ATaskGoesOnFromAppliedNotFromTheCommittedOffset) {
  Feed(5);
  world.database.task(0).applied["in"] = 3;
  world.database.task(0).seq = 7;
  world.group.committed[kIn] = 1;
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "2");
  EXPECT_EQ(Applied(), 5);
  EXPECT_EQ(world.database.task(0).seq, 8u);
}

TEST_F(OwnershipTest, RepeatsAreToldApartByWhatTheFormerOwnerHasCommitted) {
  const auto feed = [this](const std::string& id) {
    world.log.Append(kIn, {.key = "a", .value = "v", .headers = {{"millrace-id", id}}});
  };
  bench.deduplicate = other.deduplicate = true;
  for (const char* id : {"f/t/0/1/0", "f/t/0/2/0", "f/t/0/2/0", "g/t/0/5/0"}) feed(id);
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "3");
  EXPECT_EQ(bench.counters.repeats_dropped.value(), 1u);
  feed("f/t/0/3/0");
  ASSERT_TRUE(bench.Run());  // seen, and not committed: the next owner sees it for the first time
  bench.lane.reset();
  for (const char* id : {"f/t/0/2/0", "f/t/0/3/0", "g/t/0/5/0", "g/t/0/6/0"}) feed(id);
  Start(&other);
  ASSERT_TRUE(other.RunAndCommit());
  EXPECT_EQ(Stored(), "5") << "f 3 and g 6";
  EXPECT_EQ(other.counters.repeats_dropped.value(), 3u);
}

TEST_F(OwnershipTest, AFunctionWithoutStateKeepsWhatItHasSeenAllTheSame) {
  TestFunction passes{{{2, UseKind::kOutput, "out"}}, [](HandlerEvent& event) {
                        event.Emit(2, event.key(), event.value());
                        return MR_DONE;
                      }};
  bench.deduplicate = other.deduplicate = true;
  for (LaneBench* on : {&bench, &other}) {
    for (const char* id : {"f/t/0/1/0", "f/t/0/2/0"}) {
      world.log.Append(kIn, {.key = "a", .value = id, .headers = {{"millrace-id", id}}});
    }
    ASSERT_TRUE(on->Create(&passes));
    on->Assign();
    ASSERT_TRUE(on->RunAndCommit());
    on->lane.reset();
  }
  EXPECT_THAT(bench.sink.produced, SizeIs(2));
  EXPECT_THAT(other.sink.produced, IsEmpty());
  EXPECT_EQ(Applied(), 4);
}

TEST_F(OwnershipTest, LatestIsResolvedOnceAndStored) {
  Feed(3);
  bench.group.start = StartPosition::Kind::kLatest;
  Start(&bench);
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(Applied(), 3) << "stored before the first event";
  bench.lane.reset();
  Feed(2);
  other.group.start = StartPosition::Kind::kLatest;
  Start(&other);
  ASSERT_TRUE(other.RunAndCommit());
  EXPECT_EQ(Stored(), "2");
  EXPECT_EQ(Applied(), 5);
}

TEST_F(OwnershipTest, AppliedMissingWhileTheGroupHasAnOffsetIsRefused) {
  Feed(9);
  world.group.committed[kIn] = 7;
  Start(&bench);
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  ASSERT_TRUE(bench.lane->stop_reason());
  EXPECT_THAT(bench.lane->stop_reason()->text,
              AllOf(HasSubstr("in/0"), HasSubstr("applied: none"), HasSubstr("offset 7")));
  EXPECT_EQ(function.calls(), 0);
}

TEST_F(OwnershipTest, ACommittedOffsetBeyondAppliedIsRefusedWithBothNumbers) {
  Feed(9);
  world.database.task(0).applied["in"] = 4;
  world.group.committed[kIn] = 7;
  Start(&bench);
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  ASSERT_TRUE(bench.lane->stop_reason());
  EXPECT_EQ(bench.lane->stop_reason()->kind, StopReason::Kind::kRefused);
  EXPECT_THAT(bench.lane->stop_reason()->text,
              AllOf(HasSubstr("applied 4"), HasSubstr("offset 7")));
  EXPECT_EQ(function.calls(), 0);
}

TEST_F(OwnershipTest, AnotherGroupsStateIsRefused) {
  world.database.task(0).group = "somebody.else";
  Start(&bench);
  ASSERT_TRUE(bench.Run());
  EXPECT_THAT(bench.lane->stop_reason().value_or(StopReason{}).text, HasSubstr("somebody.else"));
}

TEST_F(OwnershipTest, AnotherPartitionCountIsRefused) {
  world.database.task(0).partition_count = 8;
  Start(&bench);
  ASSERT_TRUE(bench.Run());
  EXPECT_THAT(bench.lane->stop_reason().value_or(StopReason{}).text, HasSubstr("8 partitions"));
}

TEST_F(OwnershipTest, AFunctionWithoutStateStartsFromTheGroupAndNeedsNoStore) {
  Feed(5);
  world.group.committed[kIn] = 2;
  world.group.applied_of = {};
  TestFunction echo({{2, UseKind::kOutput, "out"}}, [](HandlerEvent& event) {
    event.Emit(2, event.key(), event.value());
    return MR_DONE;
  });
  LaneBench stateless(&world, Stateful::kNo);
  ASSERT_TRUE(stateless.Create(&echo));
  stateless.Assign();
  ASSERT_TRUE(stateless.RunAndCommit());
  EXPECT_EQ(echo.calls(), 3);
  EXPECT_EQ(world.group.committed[kIn], 5);
  EXPECT_FALSE(world.database.has(0));
  EXPECT_EQ(stateless.store.acquires, 0u);
}

TEST_F(OwnershipTest, WithoutStateTheGroupsOffsetWaitsForTheOutputs) {
  Feed(2);
  world.group.applied_of = {};
  TestFunction echo({{2, UseKind::kOutput, "out"}}, [](HandlerEvent& event) {
    event.Emit(2, event.key(), event.value());
    return MR_DONE;
  });
  LaneBench stateless(&world, Stateful::kNo);
  stateless.sink.held = true;
  ASSERT_TRUE(stateless.Create(&echo));
  stateless.Assign();
  ASSERT_TRUE(stateless.RunAndCommit());
  EXPECT_EQ(world.group.committed[kIn], 0);
  stateless.sink.Acknowledge();
  ASSERT_TRUE(stateless.RunAndCommit());
  EXPECT_EQ(world.group.committed[kIn], 2);
}

TEST_F(OwnershipTest, ZombieCommitIsFenced) {
  Feed(2);
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  bench.store.held = true;
  Feed(1);
  ASSERT_TRUE(bench.RunAndCommit());
  ASSERT_EQ(bench.store.outstanding(), 1u);
  Start(&other);
  Feed(1);
  ASSERT_TRUE(other.RunAndCommit());
  EXPECT_EQ(Stored(), "4");
  bench.store.held = false;
  bench.store.Settle();
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(Stored(), "4");
  EXPECT_EQ(Applied(), 4);
  EXPECT_EQ(bench.Task().phase, TaskPhase::kWaiting);
  EXPECT_THAT(bench.Task().reason, HasSubstr("fenced"));
}

TEST_F(OwnershipTest, StateThatAnotherOwnerHasWrittenIsNotComputedWith) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  Start(&other);
  Feed(2);
  ASSERT_TRUE(other.RunAndCommit());
  ASSERT_EQ(Stored(), "2");
  const int calls = function.calls();
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(function.calls(), calls) << "it would have counted on from 2";
  EXPECT_EQ(bench.Task().phase, TaskPhase::kWaiting);
  EXPECT_THAT(bench.Task().reason, HasSubstr("another owner has the task"));
}

TEST_F(OwnershipTest, WhoMayBeAMemberNoMoreTakesNothingFromTheStore) {
  bench.group.is_member = false;
  Start(&bench);
  Feed(1);
  ASSERT_TRUE(bench.RunFor(Millis(3000)));
  EXPECT_EQ(bench.store.acquires, 0u);
  EXPECT_THAT(bench.Task().reason, HasSubstr("still a member of its group"));
  bench.group.is_member = true;
  bench.store.held = true;
  ASSERT_TRUE(bench.RunFor(Millis(3000)));
  ASSERT_EQ(bench.store.acquires, 1u);
  bench.group.is_member = false;  // it stands still before the answer comes
  bench.store.held = false;
  bench.store.Settle();
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(function.calls(), 0);
  bench.group.is_member = true;
  ASSERT_TRUE(bench.RunFor(Millis(3000)));
  EXPECT_EQ(Stored(), "1");
}

TEST_F(OwnershipTest, AFencedOwnerWaitsThenAcquiresAgain) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  world.database.task(0).epoch = "somebody's";
  Feed(1);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(bench.Task().phase, TaskPhase::kWaiting);
  ASSERT_TRUE(bench.RunFor(bench.settings.fenced_wait - Millis(500)));
  EXPECT_EQ(bench.store.acquires, 1u);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.store.acquires, 2u);
  EXPECT_EQ(Stored(), "1");
  EXPECT_EQ(Applied(), 1);
}

TEST_F(OwnershipTest, AfterALostReplyNothingIsAppliedTwice) {
  Feed(2);
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  bench.store.held = true;
  Feed(3);
  ASSERT_TRUE(bench.RunAndCommit());
  bench.store.Execute();
  bench.store.Reconnect();
  bench.store.held = false;
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.Task().phase, TaskPhase::kRunning);
  EXPECT_EQ(Stored(), "5");
  EXPECT_EQ(Applied(), 5);
  EXPECT_EQ(function.calls(), 5) << "what was applied is not run again";
}

TEST_F(OwnershipTest, ACommitThatNeverArrivedIsRunAgain) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  bench.store.held = true;
  Feed(3);
  ASSERT_TRUE(bench.Run());
  bench.store.Settle();  // the read
  ASSERT_TRUE(bench.RunAndCommit());
  ASSERT_EQ(bench.store.outstanding(), 1u);
  bench.store.Reconnect();
  bench.store.held = false;
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(function.calls(), 6);
  EXPECT_EQ(Stored(), "3");
}

TEST_F(OwnershipTest, ACommitOfADeadConnectionThatArrivesLateIsFenced) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  Feed(1);
  ASSERT_TRUE(bench.RunAndCommit());
  bench.store.held = true;
  Feed(3);
  ASSERT_TRUE(bench.RunAndCommit());
  const auto late = bench.store.LeaveLate();
  ASSERT_THAT(late, SizeIs(1));
  bench.store.Reconnect();
  bench.store.held = false;
  ASSERT_TRUE(bench.Run());  // acquired again, the events run again, not committed yet
  EXPECT_EQ(world.database.Apply(late[0]), commit::CommitResult::kFenced);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "4");
}

TEST_F(OwnershipTest, ADivergedSeqIsReadAgain) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  world.database.task(0).seq = 40;
  Feed(2);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.counters.commits_of(observe::CommitLabel::kDiverged).value(), 1u);
  EXPECT_EQ(Stored(), "2");
  EXPECT_EQ(world.database.task(0).seq, 41u);
}

TEST_F(OwnershipTest, TheFirstConnectionIsWaitedForInSilence) {
  Feed(2);
  bench.store.NeverConnected();
  Start(&bench);
  ASSERT_TRUE(bench.RunFor(Millis(10'000)));
  EXPECT_EQ(bench.Task().phase, TaskPhase::kStarting);
  EXPECT_EQ(bench.store.acquires, 0u);
  EXPECT_EQ(bench.group.lookups, 0u);
  bench.store.Reconnect();
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(bench.store.acquires, 1u) << "at once";
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "2");
}

TEST_F(OwnershipTest, AStoreThatIsAwayIsWaitedFor) {
  Feed(2);
  bench.store.Disconnect();
  Start(&bench);
  ASSERT_TRUE(bench.RunFor(Millis(10'000)));
  EXPECT_EQ(bench.Task().phase, TaskPhase::kWaiting);
  EXPECT_LE(bench.store.acquires, 10u) << "it backs off";
  EXPECT_FALSE(bench.lane->stop_reason());
  bench.store.Reconnect();
  ASSERT_TRUE(bench.RunFor(Millis(3000)));
  EXPECT_EQ(Stored(), "2");
}

TEST_F(OwnershipTest, WhatWasAcquiredOnAFormerConnectionIsAcquiredAgain) {
  bench.group.held = true;
  Start(&bench);
  ASSERT_TRUE(bench.Run());
  ASSERT_EQ(bench.store.acquires, 1u);
  bench.store.Reconnect();
  ASSERT_TRUE(bench.Run());
  bench.group.held = false;
  bench.group.Answer();
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(bench.store.acquires, 2u);
  EXPECT_EQ(bench.Task().phase, TaskPhase::kRunning);
}

TEST_F(OwnershipTest, AStoreThatRefusesWritesIsTriedAgainAndTheReasonIsShown) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  world.database.rejects = "out of memory";
  Feed(2);
  ASSERT_TRUE(bench.RunFor(Millis(150)));
  EXPECT_EQ(bench.Task().phase, TaskPhase::kWaiting);
  EXPECT_THAT(bench.Task().reason, HasSubstr("out of memory"));
  world.database.rejects.reset();
  ASSERT_TRUE(bench.RunFor(Millis(3000)));
  EXPECT_EQ(Stored(), "2");
}

TEST_F(OwnershipTest, ALookupThatFailsIsTriedAgain) {
  Feed(1);
  bench.group.fails = Retriable("broker away");
  Start(&bench);
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_THAT(bench.Task().reason, HasSubstr("broker away"));
  bench.group.fails.reset();
  ASSERT_TRUE(bench.RunFor(Millis(3000)));
  EXPECT_EQ(Stored(), "1");
}

TEST_F(OwnershipTest, AReadThatFailsBeginsAnewFromApplied) {
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  Feed(2);
  bench.store.held = true;
  ASSERT_TRUE(bench.Run());
  ASSERT_EQ(bench.store.outstanding(), 1u);
  bench.store.Reconnect();
  bench.store.held = false;
  ASSERT_TRUE(bench.RunFor(Millis(3000)));
  EXPECT_EQ(Stored(), "2");
}

}  // namespace
}  // namespace millrace::lane
