// SPDX-License-Identifier: Apache-2.0
#include "lane/recovery.h"

#include <gmock/gmock.h>

namespace millrace::lane {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() {
    settings.group = "group";
    settings.delivery = Delivery::kExactlyOnce;
    task.partition = 3;
    task.topics = {{.topic = "in", .filter = {}}};
  }

  // What the store has: `applied` < 0 is nothing.
  void Stored(int64_t applied, uint64_t seq, uint64_t published_seq = 0) {
    acquired.seq = seq;
    acquired.published_seq = published_seq;
    if (applied >= 0) acquired.applied = {{"in", applied}};
  }
  void Group(int64_t committed, const std::string& note) {
    point.committed = committed;
    point.metadata = note;
  }
  void Entry(uint64_t seq, int64_t applied) {
    acquired.outbox.push_back(
        {.seq = seq, .applied = {{"in", applied}}, .packed = "x", .outputs = 1});
  }
  Result<StartedTask> Run() {
    point.topic = "in";
    return Recover({.settings = &settings,
                    .task = &task,
                    .epoch = "e",
                    .acquired = acquired,
                    .points = {point}});
  }
  std::string Refusal() {
    const auto started = Run();
    return started ? "not refused" : started.error().message;
  }

  LaneSettings settings;
  TaskAssignment task;
  commit::Acquired acquired;
  commit::StartingPoint point;
};

TEST_F(RecoveryTest, AFreshTaskStoresItsStart) {
  point.start = 7;
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_TRUE(started->store_from);
  EXPECT_THAT(started->from, ElementsAre(TopicOffset{"in", 7}));
  EXPECT_FALSE(started->recovery);
}

TEST_F(RecoveryTest, WhatTheOutboxHoldsAbovePublishedIsPublished) {
  Stored(30, 9, 5);
  Group(20, "7 owner");
  Entry(6, 15);
  Entry(8, 25);
  Entry(9, 30);
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_THAT(started->trimmed, ElementsAre(6));
  ASSERT_EQ(started->unpublished.size(), 2u);
  EXPECT_EQ(started->unpublished[0]->seq, 8u);
  EXPECT_EQ(started->unpublished[1]->seq, 9u);
  EXPECT_FALSE(started->recovery);
}

TEST_F(RecoveryTest, UnitsWithoutOutputsAreStillToldOf) {
  Stored(30, 9, 5);
  Group(20, "7 owner");
  const auto started = Run();
  ASSERT_TRUE(started);
  ASSERT_EQ(started->unpublished.size(), 1u);
  EXPECT_EQ(started->unpublished[0]->seq, 9u);
  EXPECT_TRUE(started->unpublished[0]->packed.empty());
}

TEST_F(RecoveryTest, AnEntryThatLiesBelowWhatIsPublishedIsNotPublishedAgain) {
  Stored(10, 9);
  Group(40, "7 owner");
  Entry(8, 10);
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_THAT(started->trimmed, ElementsAre(8));
}

TEST_F(RecoveryTest, AStoreThatWentBackRunsEventsAgainAboveEverySeqThatWasUsed) {
  Stored(100, 4);
  Group(150, "9 owner");
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_THAT(started->from, ElementsAre(TopicOffset{"in", 100}));
  EXPECT_THAT(started->published, ElementsAre(150));
  EXPECT_EQ(started->seq, 4u);
  EXPECT_EQ(started->seq_used, 9u);
  ASSERT_TRUE(started->recovery);
  EXPECT_EQ(started->recovery->kind, RecoveryStatus::Kind::kWentBack);
  EXPECT_EQ(started->recovery->events_rerun, 50);
  EXPECT_THAT(started->recovery->text, HasSubstr("in/3 has applied 100"));
}

TEST_F(RecoveryTest, ARerunThatWasCutOffGoesOn) {
  Stored(120, 12);
  Group(150, "9 owner");
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_THAT(started->published, ElementsAre(150));
}

TEST_F(RecoveryTest, AnOffsetThatIsNotOursIsRefusedWithBothNumbers) {
  Stored(100, 4);
  Group(150, "");
  EXPECT_THAT(Refusal(), testing::AllOf(HasSubstr("applied 100"), HasSubstr("offset 150")));
  settings.policies.on_offset_reset = OnOffsetReset::kApplied;
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_THAT(started->from, ElementsAre(TopicOffset{"in", 100}));
  EXPECT_THAT(started->published, IsEmpty());
}

TEST_F(RecoveryTest, OffsetsThatAreGoneAreRefusedOnceSomethingWasPublished) {
  Stored(100, 4, 3);
  EXPECT_THAT(Refusal(), HasSubstr("has lost its offsets"));
  settings.policies.on_offset_reset = OnOffsetReset::kApplied;
  Entry(3, 80);
  Entry(4, 100);
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_THAT(started->trimmed, ElementsAre(3));
  EXPECT_EQ(started->unpublished.size(), 1u);
}

TEST_F(RecoveryTest, LostStateIsRefusedRebuiltOrBegunEmptyAsThePolicySays) {
  Group(50, "6 owner");
  EXPECT_THAT(Refusal(), HasSubstr("in/3 (applied: none, committed offset 50)"));

  settings.policies.on_state_loss = OnStateLoss::kRebuild;
  const auto rebuilt = Run();
  ASSERT_TRUE(rebuilt);
  EXPECT_THAT(rebuilt->from, ElementsAre(TopicOffset{"in", 0}));
  EXPECT_THAT(rebuilt->published, ElementsAre(50));
  EXPECT_EQ(rebuilt->seq_used, 6u);
  EXPECT_TRUE(rebuilt->store_from);

  settings.policies.on_state_loss = OnStateLoss::kEmpty;
  const auto empty = Run();
  ASSERT_TRUE(empty);
  EXPECT_THAT(empty->from, ElementsAre(TopicOffset{"in", 50}));
  EXPECT_THAT(empty->published, IsEmpty());
}

TEST_F(RecoveryTest, StateIsNotRebuiltFromHalfAnInput) {
  Group(50, "6 owner");
  settings.policies.on_state_loss = OnStateLoss::kRebuild;
  point.earliest = 5;
  EXPECT_THAT(Refusal(), HasSubstr("begins at offset 5"));
}

TEST_F(RecoveryTest, RetentionThatPassedAppliedIsRefusedOrSkipped) {
  Stored(10, 4, 4);
  Group(10, "4 owner");
  point.earliest = 25;
  EXPECT_THAT(Refusal(), HasSubstr("15 offsets are no longer retained"));
  settings.policies.on_retention_loss = OnRetentionLoss::kSkip;
  const auto started = Run();
  ASSERT_TRUE(started);
  EXPECT_THAT(started->from, ElementsAre(TopicOffset{"in", 25}));
  EXPECT_EQ(started->recovery->offsets_skipped, 15);
  EXPECT_TRUE(started->store_from);
}

}  // namespace
}  // namespace millrace::lane
