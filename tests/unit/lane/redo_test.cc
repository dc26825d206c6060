// SPDX-License-Identifier: Apache-2.0
// State that changes often: left to be written to its cell later, written then, taken over.
#include <gmock/gmock.h>

#include "unit/lane/counting_lanes.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::TestFunction;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class RedoTest : public CountingLanes {
 protected:
  void TearDown() override {
    EXPECT_EQ(world.database.redo_violation, "");
    CountingLanes::TearDown();
  }
  // One event per unit, so that its key changes with each.
  void FeedUnits(int count) {
    for (int i = 0; i < count; ++i) {
      Feed(1);
      ASSERT_TRUE(bench.RunAndCommit());
    }
  }
  std::string Cell() { return world.database.cell(0, 0, "a").value_or("none"); }
  size_t Entries() { return world.database.task(0).redo.size(); }
};

TEST_F(RedoTest, AHotKeyIsWrittenToItsCellOnceInAnInterval) {
  Start(&bench);
  FeedUnits(3);  // 200 ms each
  EXPECT_EQ(Stored(), "3");
  EXPECT_EQ(Cell(), "1");
  EXPECT_EQ(Entries(), 2u);
  FeedUnits(4);
  EXPECT_EQ(Cell(), "7") << "more than a second after the first";
  EXPECT_EQ(Stored(), "7");
}

TEST_F(RedoTest, WhatWaitsIsWrittenWithoutEventsToo) {
  Start(&bench);
  FeedUnits(2);
  EXPECT_EQ(Cell(), "1");
  const uint64_t seq = world.database.task(0).seq;
  ASSERT_TRUE(bench.RunFor(Millis(1'200)));
  EXPECT_EQ(Cell(), "2");
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(world.database.task(0).seq, seq + 1);
  EXPECT_EQ(Applied(), 2);
  ASSERT_TRUE(bench.RunFor(Millis(5'000)));
  EXPECT_EQ(world.database.task(0).seq, seq + 1) << "once";
}

TEST_F(RedoTest, ATaskThatIsGivenUpInOrderLeavesNoRedo) {
  bench.settings.commit_max_effects = 2;
  for (int i = 0; i < 2; ++i) {
    for (const char* key : {"a", "b", "c", "d", "e"}) {
      world.log.Append(kIn, {.key = key, .value = "v"});
    }
  }
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_GT(Entries(), 0u);
  bench.lane->Revoke(0);
  ASSERT_TRUE(bench.Run());
  ASSERT_THAT(bench.lane->TakeReleased(), SizeIs(1));
  EXPECT_EQ(Entries(), 0u);
  for (const char* key : {"a", "b", "c", "d", "e"}) {
    EXPECT_EQ(world.database.cell(0, 0, key), "2") << key;
  }
}

TEST_F(RedoTest, ANewOwnerGoesOnFromWhatWaits) {
  Start(&bench);
  FeedUnits(3);
  EXPECT_EQ(Cell(), "1");
  bench.lane.reset();
  Feed(1);
  Start(&other);
  ASSERT_TRUE(other.RunAndCommit());
  EXPECT_EQ(Stored(), "4");
  EXPECT_EQ(Cell(), "1") << "it waits as if this owner had left it";
  EXPECT_EQ(other.store.items_read, 0u) << "it is known";
  ASSERT_TRUE(other.RunFor(Millis(1'200)));
  EXPECT_EQ(Cell(), "4");
  EXPECT_EQ(Entries(), 0u);
}

TEST_F(RedoTest, ASmallCacheLosesNothingOfWhatWaits) {
  bench.settings.cache_bytes = 700;  // some four values
  Start(&bench);
  for (int i = 0; i < 12; ++i) {
    Feed(1);
    world.log.Append(kIn, {.key = "other" + std::to_string(i % 3), .value = "v"});
    ASSERT_TRUE(bench.RunFor(Millis(110)));
  }
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "12");
  EXPECT_GT(world.database.cells_deferred, 0u);
}

TEST_F(RedoTest, MapsAreNeverDeferred) {
  const std::vector<Use> uses = {{1, UseKind::kMap, "counts"}, {2, UseKind::kOutput, "out"}};
  TestFunction maps(uses, [](HandlerEvent& event) {
    event.Put(1, event.value(), {}, "field");
    return MR_DONE;
  });
  ASSERT_TRUE(bench.Create(&maps));
  bench.Assign();
  FeedUnits(3);
  EXPECT_EQ(world.database.cells_deferred, 0u);
  EXPECT_THAT(world.database.task(0).maps, SizeIs(1));
}

TEST_F(RedoTest, ARedoWithoutItsTaskIsRefusedAndKept) {
  Start(&bench);
  FeedUnits(2);
  bench.lane.reset();
  auto& task = world.database.task(0);
  const auto redo = task.redo;
  task = {};
  task.redo = redo;
  other.settings.policies.on_state_loss = OnStateLoss::kRebuild;
  Start(&other);
  ASSERT_TRUE(other.RunFor(Millis(3'000)));
  ASSERT_TRUE(other.lane->stop_reason());
  EXPECT_THAT(other.lane->stop_reason()->text, HasSubstr("only a part of the task's keys"));
  EXPECT_EQ(Entries(), 1u);
  EXPECT_EQ(Applied(), -1);
}

TEST_F(RedoTest, ARedoOfAStateThatTheLibraryHasNotIsRefusedAndKept) {
  Start(&bench);
  FeedUnits(2);
  bench.lane.reset();
  const std::vector<Use> uses = {{1, UseKind::kValue, "renamed"}, {2, UseKind::kOutput, "out"}};
  TestFunction renamed(uses, CountEvent);
  ASSERT_TRUE(other.Create(&renamed));
  other.Assign();
  const uint64_t seq = world.database.task(0).seq;
  ASSERT_TRUE(other.RunFor(Millis(3'000)));
  ASSERT_TRUE(other.lane->stop_reason());
  EXPECT_EQ(other.lane->stop_reason()->kind, StopReason::Kind::kRefused);
  EXPECT_THAT(other.lane->stop_reason()->text, HasSubstr("holds values of state counts"));
  EXPECT_EQ(Entries(), 1u);
  EXPECT_EQ(world.database.task(0).seq, seq);
}

}  // namespace
}  // namespace millrace::lane
