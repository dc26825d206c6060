// SPDX-License-Identifier: Apache-2.0
#include "kafka/group_survey.h"

#include <gmock/gmock.h>

#include "integration/kafka/broker.h"
#include "kafka/group_member.h"
#include "kafka/topic_watch.h"

namespace millrace::kafka::test {
namespace {

using membership::GroupEvent;
using testing::ElementsAre;
using testing::HasSubstr;

class GroupSurveyTest : public testing::Test {
 protected:
  // A member that owns every partition, until Leave.
  void Join(const std::string& topic, const std::string& group) {
    watch_ = *TopicWatch::Create(broker_.Options(), {topic});
    member_ = *GroupMember::Join(
        {.client = broker_.Options(), .group = group, .topics = {topic}, .watch = watch_});
    ASSERT_TRUE(Eventually([&] { return Saw(GroupEvent::Kind::kAssigned); }));
    member_->Accept();
  }
  void Leave(const std::vector<PartitionOffset>& final_offsets) {
    member_->Leave();
    ASSERT_TRUE(Eventually([&] { return Saw(GroupEvent::Kind::kRevoked); }));
    member_->Release(final_offsets);
    ASSERT_TRUE(Eventually([&] {
      Saw(GroupEvent::Kind::kLost);
      return member_->left();
    }));
  }
  bool Saw(GroupEvent::Kind kind) {
    GroupEvent event;
    while (member_->Poll(&event)) {
      if (event.kind == kind) return true;
    }
    return false;
  }

  Broker broker_;
  std::shared_ptr<TopicWatch> watch_;
  std::unique_ptr<GroupMember> member_;
};

TEST_F(GroupSurveyTest, TellsWhatTheTopicsHold) {
  const std::string first = broker_.MakeTopic("first", 2);
  const std::string second = broker_.MakeTopic("second", 1);
  broker_.Produce(first, 0, 0, 10);
  broker_.DeleteRecordsBelow(first, 0, 4);
  broker_.ProduceInTransaction(first, 1, 0, 5, Broker::Ending::kCommit);
  const auto survey = SurveyGroup(broker_.Options(), broker_.UniqueName("group"), {first, second});
  ASSERT_TRUE(survey) << survey.error().message;
  EXPECT_THAT(survey->members, ElementsAre());
  ASSERT_EQ(survey->partitions.size(), 3U);
  EXPECT_EQ(survey->partitions[0].at, (TopicPartition{first, 0}));
  EXPECT_EQ(survey->partitions[0].earliest, 4);
  EXPECT_EQ(survey->partitions[0].end, 10);
  EXPECT_FALSE(survey->partitions[0].committed);
  EXPECT_EQ(survey->partitions[1].end, 6) << "the marker of the transaction counts";
  EXPECT_EQ(survey->partitions[2].at, (TopicPartition{second, 0}));
  EXPECT_EQ(survey->partitions[2].end, 0);
}

TEST_F(GroupSurveyTest, NamesMembersWhileThereAreSomeAndOffsetsOnceTheyAreGone) {
  const std::string topic = broker_.MakeTopic("group", 2);
  const std::string group = broker_.UniqueName("group");
  Join(topic, group);
  auto survey = SurveyGroup(broker_.Options(), group, {topic});
  ASSERT_TRUE(survey) << survey.error().message;
  EXPECT_THAT(survey->members, ElementsAre(HasSubstr(broker_.Options().client_id)));
  Leave({{{topic, 1}, 42, "7 owner released"}});
  survey = SurveyGroup(broker_.Options(), group, {topic});
  ASSERT_TRUE(survey) << survey.error().message;
  EXPECT_THAT(survey->members, ElementsAre());
  EXPECT_FALSE(survey->partitions[0].committed);
  EXPECT_EQ(survey->partitions[1].committed, 42);
  EXPECT_EQ(survey->partitions[1].metadata, "7 owner released");
}

TEST_F(GroupSurveyTest, ATopicThatIsMissingIsNamedAndNotMade) {
  const std::string topic = broker_.UniqueName("missing");
  for (int i = 0; i < 2; ++i) {
    const auto survey = SurveyGroup(broker_.Options(), broker_.UniqueName("group"), {topic});
    ASSERT_FALSE(survey);
    EXPECT_EQ(survey.error().error_class, ErrorClass::kFatal);
    EXPECT_THAT(survey.error().message, HasSubstr(topic));
  }
}

}  // namespace
}  // namespace millrace::kafka::test
