// SPDX-License-Identifier: Apache-2.0
#include "app/rebuild_plan.h"

#include <gmock/gmock.h>

namespace millrace::app {
namespace {

using kafka::GroupSurvey;
using testing::HasSubstr;

std::string Refusal(const Status& status) { return status ? "" : status.error().message; }

class RebuildPlanTest : public testing::Test {
 protected:
  RebuildPlanTest() {
    spec_.name = "page-edits";
    spec_.group = "millrace.default.page-edits";
    for (const int32_t partition : {0, 1}) {
      group_.partitions.push_back({.at = {"edits", partition},
                                   .earliest = 0,
                                   .end = 100,
                                   .committed = 90,
                                   .metadata = "7 mr.default.page-edits.host.0 released"});
      keys_.tasks[partition] = {
          .group = spec_.group, .partitions = "2", .published_seq = 6, .applied = {{"edits", 90}}};
      keys_.keys += 2;
    }
  }
  std::string Inputs() const { return Refusal(CheckInputs(spec_, group_)); }
  std::string Offsets() const { return Refusal(CheckOffsets(spec_, group_, keys_)); }

  FunctionSpec spec_;
  GroupSurvey group_;
  redis::KeySurvey keys_;
};

TEST_F(RebuildPlanTest, AStoppedFunctionWithItsInputIsMadeAgain) {
  EXPECT_EQ(Inputs(), "");
  EXPECT_EQ(Offsets(), "");
  keys_ = {};
  EXPECT_EQ(Offsets(), "");
}

TEST_F(RebuildPlanTest, MembersOfTheGroupAreNamed) {
  group_.members = {"millrace-page-edits-a (/10.0.0.1)", "millrace-page-edits-b (/10.0.0.2)"};
  EXPECT_THAT(Inputs(), HasSubstr("millrace-page-edits-a (/10.0.0.1), millrace-page-edits-b"));
  EXPECT_THAT(Inputs(), HasSubstr("stop function page-edits on all hosts"));
}

TEST_F(RebuildPlanTest, InputsThatDifferInPartitionsAreRefused) {
  group_.partitions.push_back({.at = {"more", 0}, .committed = {}});
  EXPECT_THAT(Inputs(), HasSubstr("edits has 2, more has 1"));
}

TEST_F(RebuildPlanTest, InputThatIsNotRetainedIsRefusedUnlessTheRestWillDo) {
  group_.partitions[1].earliest = 40;
  EXPECT_THAT(Inputs(), HasSubstr("edits/1 begins at offset 40"));
  EXPECT_THAT(Inputs(), HasSubstr("on_retention_loss: skip"));
  spec_.policies.on_retention_loss = OnRetentionLoss::kSkip;
  EXPECT_EQ(Inputs(), "");
}

TEST_F(RebuildPlanTest, AFunctionThatNeverRanHasNothingToMakeAgain) {
  keys_ = {};
  for (auto& input : group_.partitions) input.committed.reset();
  EXPECT_THAT(Offsets(), HasSubstr("it has not run yet"));
}

TEST_F(RebuildPlanTest, OffsetsThatAreGoneOrWereSetByHandDoNotTellWhatIsPublished) {
  group_.partitions[1].committed.reset();
  EXPECT_THAT(Offsets(), HasSubstr("has no offset of edits/1, while the state has applied 90"));
  EXPECT_THAT(Offsets(), HasSubstr("set the group's offset to 90"));
  group_.partitions[1].committed = 95;
  group_.partitions[1].metadata.clear();
  EXPECT_THAT(Offsets(), HasSubstr("has offset 95 (set by hand) of edits/1"));
  group_.partitions[1].committed = 90;
  EXPECT_EQ(Offsets(), "");
}

TEST_F(RebuildPlanTest, OurOwnOffsetsMayBeAheadOrBehind) {
  group_.partitions[0].committed = 95;  // the store went back
  group_.partitions[1].committed = 85;  // killed before it published
  EXPECT_EQ(Offsets(), "");
}

TEST_F(RebuildPlanTest, OffsetsOlderThanWhatWasPublishedAreRefusedExactlyOnce) {
  keys_.tasks[0].published_seq = 8;
  EXPECT_EQ(Offsets(), "");
  spec_.delivery = Delivery::kExactlyOnce;
  EXPECT_THAT(Offsets(), HasSubstr("seq 7"));
  EXPECT_THAT(Offsets(), HasSubstr("seq 8"));
}

TEST_F(RebuildPlanTest, StateOfAnotherGroupOrPartitionCountIsRefused) {
  keys_.tasks[1].group = "another";
  EXPECT_THAT(Offsets(), HasSubstr("group another"));
  keys_.tasks[1] = {.group = spec_.group, .partitions = "3", .applied = {}};
  EXPECT_THAT(Offsets(), HasSubstr("with 3 partitions, the input topics have 2"));
}

TEST_F(RebuildPlanTest, ATaskWithoutProgressIsNoObstacle) {
  keys_.tasks[0] = {};
  keys_.tasks[1].other_type = true;
  keys_.tasks[1].applied.clear();
  EXPECT_EQ(Offsets(), "");
}

RunReport::Task TaskAt(int32_t partition, int64_t applied) {
  lane::TaskStatus status;
  status.partition = partition;
  status.topics = {{.topic = "edits", .applied = applied, .lag = {}}};
  return {.lane = 0, .status = status};
}

TEST_F(RebuildPlanTest, ItIsDoneWhenEveryTaskIsWhereTheInputsEnded) {
  group_.partitions[1].earliest = 40;
  const auto measure = [&](const std::vector<RunReport::Task>& tasks) {
    return MeasureRebuild(group_.partitions, tasks);
  };
  EXPECT_EQ(measure({}).total, 160);
  EXPECT_EQ(measure({TaskAt(0, 100)}).begun, 1u);
  EXPECT_FALSE(measure({TaskAt(0, 160)}).reached());
  EXPECT_EQ(measure({TaskAt(0, 50), TaskAt(1, 50)}).done, 60);
  EXPECT_FALSE(measure({TaskAt(0, 500), TaskAt(1, 99)}).reached());
  EXPECT_TRUE(measure({TaskAt(0, 500), TaskAt(1, 100)}).reached());
  EXPECT_EQ(measure({TaskAt(0, 500), TaskAt(1, 100)}).done, 160);
}

TEST_F(RebuildPlanTest, AnEmptyInputIsDoneOnceItsTaskHasBegun) {
  group_.partitions = {{.at = {"edits", 0}, .committed = {}}};
  EXPECT_FALSE(MeasureRebuild(group_.partitions, {}).reached());
  EXPECT_TRUE(MeasureRebuild(group_.partitions, {TaskAt(0, 0)}).reached());
}

}  // namespace
}  // namespace millrace::app
