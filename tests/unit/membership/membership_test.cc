// SPDX-License-Identifier: Apache-2.0
#include "membership/membership.h"

#include <gmock/gmock.h>

#include "unit/fakes/fake_group.h"

namespace millrace::membership {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = GroupEvent::Kind;

class RecordingLanes final : public LaneControl {
 public:
  std::vector<std::string> told;
  std::vector<GroupTask> tasks;
  void Assign(int lane, GroupTask task) override {
    told.push_back("assign " + std::to_string(task.partition) + " to " + std::to_string(lane));
    tasks.push_back(std::move(task));
  }
  void Revoke(int lane, int32_t partition) override {
    told.push_back("revoke " + std::to_string(partition) + " of " + std::to_string(lane));
  }
  void Abandon(int lane, int32_t partition) override {
    told.push_back("abandon " + std::to_string(partition) + " of " + std::to_string(lane));
  }
};

class MembershipTest : public testing::Test {
 protected:
  MembershipTest() {
    client.partition_counts = {{"a", 4}, {"b", 4}};
    settings.function = "test";
    settings.topics = {"a", "b"};
    settings.lanes = 2;
    settings.needs_equal_partitions = true;
  }
  void Make() { membership = std::make_unique<Membership>(settings, &client, &lanes); }
  void Step() { membership->Step(clock.Now()); }
  void Assign(const std::vector<int32_t>& partitions) {
    client.Push(Kind::kAssigned, Both(partitions));
    Step();
  }
  static std::vector<TopicPartition> Both(const std::vector<int32_t>& partitions) {
    std::vector<TopicPartition> all;
    for (const int32_t partition : partitions) {
      all.push_back({"b", partition});
      all.push_back({"a", partition});
    }
    return all;
  }

  fakes::FakeGroupClient client;
  RecordingLanes lanes;
  MembershipSettings settings;
  std::unique_ptr<Membership> membership;
  ManualClock clock;
};

TEST_F(MembershipTest, TasksGoToTheLeastLoadedLane) {
  Make();
  Assign({0, 1, 2});
  EXPECT_THAT(lanes.told, ElementsAre("assign 0 to 0", "assign 1 to 1", "assign 2 to 0"));
  EXPECT_THAT(lanes.tasks[0].topics, ElementsAre("a", "b"));
  EXPECT_EQ(lanes.tasks[0].partition_count, 4);
  EXPECT_EQ(client.accepted, 1);
  EXPECT_TRUE(membership->joined());
}

TEST_F(MembershipTest, ARevokeIsHeldUntilEveryTaskIsReleased) {
  Make();
  Assign({0, 1});
  lanes.told.clear();
  client.Push(Kind::kRevoked, Both({0, 1}));
  Step();
  EXPECT_THAT(lanes.told, ElementsAre("revoke 0 of 0", "revoke 1 of 1"));
  membership->OnReleased(0, {{{"a", 0}, 5}});
  Step();
  EXPECT_THAT(client.released, IsEmpty());
  membership->OnReleased(1, {{{"a", 1}, 7}});
  Step();
  ASSERT_THAT(client.released, SizeIs(1));
  EXPECT_THAT(client.released[0],
              ElementsAre(PartitionOffset{{"a", 0}, 5}, PartitionOffset{{"a", 1}, 7}));
  EXPECT_THAT(membership->tasks(), IsEmpty());
}

TEST_F(MembershipTest, AfterFiveSecondsWhatIsLeftIsAbandoned) {
  Make();
  Assign({0, 1});
  client.Push(Kind::kRevoked, Both({0, 1}));
  Step();
  membership->OnReleased(0, {{{"a", 0}, 5}});
  clock.Advance(Millis(4999));
  Step();
  EXPECT_THAT(client.released, IsEmpty());
  lanes.told.clear();
  clock.Advance(Millis(1));
  Step();
  EXPECT_THAT(lanes.told, ElementsAre("abandon 1 of 1"));
  ASSERT_THAT(client.released, SizeIs(1));
  EXPECT_THAT(client.released[0], ElementsAre(PartitionOffset{{"a", 0}, 5}));
  membership->OnReleased(1, {{{"a", 1}, 9}});  // too late
  Step();
  EXPECT_THAT(client.released, SizeIs(1));
}

TEST_F(MembershipTest, LostTasksAreAbandonedAtOnceWithoutOffsets) {
  Make();
  Assign({0});
  lanes.told.clear();
  client.Push(Kind::kLost, Both({0}));
  Step();
  EXPECT_THAT(lanes.told, ElementsAre("abandon 0 of 0"));
  EXPECT_THAT(client.released, ElementsAre(IsEmpty()));
  EXPECT_THAT(membership->tasks(), IsEmpty());
}

TEST_F(MembershipTest, UnequalPartitionCountsAreRefusedWithBoth) {
  client.partition_counts["b"] = 8;
  Make();
  Assign({0});
  EXPECT_THAT(lanes.told, IsEmpty());
  ASSERT_TRUE(membership->refusal());
  EXPECT_THAT(*membership->refusal(), AllOf(HasSubstr("a has 4"), HasSubstr("b has 8")));
}

TEST_F(MembershipTest, TheRefusalNamesTheTopicsThatDiffer) {
  settings.topics = {"a", "b", "c"};
  client.partition_counts = {{"a", 4}, {"b", 4}, {"c", 2}};
  Make();
  Assign({0});
  ASSERT_TRUE(membership->refusal());
  EXPECT_THAT(*membership->refusal(), AllOf(HasSubstr("4"), HasSubstr("c has 2")));
}

TEST_F(MembershipTest, WithoutStatePartitionCountsMayDiffer) {
  client.partition_counts["b"] = 8;
  settings.needs_equal_partitions = false;
  Make();
  Assign({0});
  EXPECT_THAT(lanes.told, SizeIs(1));
  EXPECT_FALSE(membership->refusal());
}

TEST_F(MembershipTest, AnAssignmentWaitsUntilAllCountsAreKnown) {
  client.partition_counts.erase("b");
  Make();
  Assign({0, 1});
  EXPECT_EQ(client.accepted, 1);
  EXPECT_THAT(lanes.told, IsEmpty());
  EXPECT_FALSE(membership->refusal());
  client.partition_counts["b"] = 4;
  Step();
  EXPECT_THAT(lanes.told, ElementsAre("assign 0 to 0", "assign 1 to 1"));
  EXPECT_EQ(lanes.tasks[0].partition_count, 4);
  Step();
  EXPECT_THAT(lanes.told, SizeIs(2));
}

TEST_F(MembershipTest, WhatIsRevokedWhileItWaitsIsNeverAssigned) {
  client.partition_counts.erase("b");
  Make();
  Assign({0, 1});
  client.Push(Kind::kRevoked, Both({0, 1}));
  Step();
  EXPECT_THAT(client.released, SizeIs(1));
  client.partition_counts["b"] = 4;
  Step();
  EXPECT_THAT(lanes.told, IsEmpty());
}

TEST_F(MembershipTest, WhatIsLostWhileItWaitsIsNeverAssigned) {
  client.partition_counts.erase("b");
  Make();
  Assign({0});
  client.Push(Kind::kLost, {});
  Step();
  client.partition_counts["b"] = 4;
  Step();
  EXPECT_THAT(lanes.told, IsEmpty());
}

TEST_F(MembershipTest, AssignAgainHandsOverWhatIsOwnedAndAsksAgainForWhatDrains) {
  Make();
  Assign({0, 1});
  client.Push(Kind::kRevoked, Both({1}));
  Step();
  lanes.told.clear();
  membership->AssignAgain();
  // The lane that drained 1 may have gone with its answer.
  EXPECT_THAT(lanes.told, ElementsAre("assign 0 to 0", "revoke 1 of 1"));
}

TEST_F(MembershipTest, TasksCarryTheMetadataOfTheirOwnAssignment) {
  Make();
  client.PushAssigned(Both({0, 1}), "first");
  Step();
  client.Push(Kind::kRevoked, Both({0, 1}));
  Step();
  membership->OnReleased(0, {});
  membership->OnReleased(1, {});
  Step();
  client.PushAssigned(Both({1}), "second");
  Step();
  ASSERT_THAT(lanes.tasks, SizeIs(3));
  EXPECT_EQ(lanes.tasks[0].group_metadata, "first");
  EXPECT_EQ(lanes.tasks[1].group_metadata, "first");
  EXPECT_EQ(lanes.tasks[2].group_metadata, "second");
  membership->AssignAgain();
  EXPECT_EQ(lanes.tasks.back().group_metadata, "second");
}

TEST_F(MembershipTest, AnAssignmentThatWaitsKeepsItsMetadata) {
  client.partition_counts.erase("b");
  Make();
  client.PushAssigned(Both({0}), "mine");
  Step();
  client.partition_counts["b"] = 4;
  Step();
  ASSERT_THAT(lanes.tasks, SizeIs(1));
  EXPECT_EQ(lanes.tasks[0].group_metadata, "mine");
}

TEST_F(MembershipTest, LeaveDrainsThenLeaves) {
  Make();
  Assign({0});
  membership->Leave(clock.Now());
  client.Push(Kind::kRevoked, Both({0}));
  Step();
  EXPECT_FALSE(membership->left());
  membership->OnReleased(0, {});
  Step();
  EXPECT_TRUE(membership->left());
}

TEST_F(MembershipTest, AProblemIsShownUntilItIsOver) {
  Make();
  client.Push(Kind::kProblem, {}, "broker away");
  Step();
  EXPECT_EQ(membership->problem(), "broker away");
  client.Push(Kind::kRecovered, {});
  Step();
  EXPECT_EQ(membership->problem(), "");
}

}  // namespace
}  // namespace millrace::membership
