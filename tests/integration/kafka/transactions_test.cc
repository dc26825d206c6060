// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "integration/kafka/transactions_user.h"
#include "kafka/output_producer.h"
#include "model/output_id.h"

namespace millrace::kafka::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(TransactionsTest, OutputsAndOffsetsWithTheirNotesBecomeVisibleTogether) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  const auto reply =
      Run(transactions.get(),
          Request(group, 5,
                  {Outputs(output_, {"a", "b"}), Outputs(output_, {}), Outputs(output_, {"c"})}));
  ASSERT_EQ(reply.result, Outcome::kCommitted) << reply.detail;
  EXPECT_EQ(reply.detail, "");
  EXPECT_THAT(Values(output_), ElementsAre("a", "b", "c"));
  const std::vector<Seen> seen = Read(output_);
  EXPECT_THAT(
      seen[0].headers,
      ElementsAre(std::pair("a", OwnedBytes("1")), std::pair("null", OwnedBytes()),
                  std::pair(std::string(kOutputIdHeader), OwnedBytes("f/" + input_ + "/0/41/0"))));
  EXPECT_EQ(group.Committed(0).committed, 5);
  EXPECT_EQ(group.Committed(0).metadata, "5 " + id_);
  EXPECT_EQ(group.Committed(1).committed, 6);
}

TEST_F(TransactionsTest, OffsetsAloneAreATransactionToo) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  EXPECT_EQ(Run(transactions.get(), Request(group, 9, {})).result, Outcome::kCommitted);
  EXPECT_EQ(group.Committed(0).committed, 9);
  EXPECT_EQ(group.Committed(0).metadata, "9 " + id_);
  EXPECT_EQ(Run(transactions.get(), Request(group, 12, {Outputs(output_, {})})).result,
            Outcome::kCommitted);
  EXPECT_EQ(group.Committed(1).committed, 13);
}

TEST_F(TransactionsTest, ManyTransactionsKeepTheOrder) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  std::vector<std::string> expected;
  const auto began = std::chrono::steady_clock::now();
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> values;
    for (int i = 0; i < 500; ++i) values.push_back(std::to_string(round * 500 + i));
    expected.insert(expected.end(), values.begin(), values.end());
    const auto reply = Run(transactions.get(), Request(group, round, {Outputs(output_, values)}));
    ASSERT_EQ(reply.result, Outcome::kCommitted) << reply.detail;
  }
  std::cout << "20 transactions of 500 records: " << MillisSince(began) << " ms\n";
  EXPECT_EQ(Values(output_), expected);
}

TEST_F(TransactionsTest, MetadataOfAnEarlierAssignmentIsAbortedAndNothingIsSeen) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  ASSERT_EQ(Run(transactions.get(), Request(group, 1, {Outputs(output_, {"one"})})).result,
            Outcome::kCommitted);
  // So many that some are on their way when the group refuses the offsets.
  auto stale = Request(group, 5, {Outputs(output_, std::vector<std::string>(20'000, "stale"))});
  Group second = Join();
  ASSERT_TRUE(Eventually([&] {
    group.Poll();
    second.Poll();
    return group.owned == 1 && second.owned == 1;
  }));
  const auto reply = Run(transactions.get(), std::move(stale));
  EXPECT_EQ(reply.result, Outcome::kAborted);
  EXPECT_THAT(reply.detail, HasSubstr("generation"));
  EXPECT_THAT(Values(output_), ElementsAre("one"));
  EXPECT_EQ(group.Committed(0).committed, 1);
  // The same id goes on at once.
  const auto next = Run(transactions.get(), Request(group, 7, {Outputs(output_, {"fresh"})}));
  EXPECT_EQ(next.result, Outcome::kCommitted) << next.detail;
  EXPECT_THAT(Values(output_), ElementsAre("one", "fresh"));
}

TEST_F(TransactionsTest, AnExpelledMemberIsFenced) {
  auto group = std::make_unique<Group>(broker_, input_, group_name_);
  ASSERT_TRUE(group->Assigned(2));
  auto transactions = Make(id_);
  auto stale = Request(*group, 5, {Outputs(output_, {"stale"})});
  // A member id that the group does not know, in the right group generation.
  const size_t member = stale.group_metadata.find('\0', 12) + 1;
  stale.group_metadata[member] = stale.group_metadata[member] == 'x' ? 'y' : 'x';
  const auto reply = Run(transactions.get(), std::move(stale));
  EXPECT_EQ(reply.result, Outcome::kFenced) << reply.detail;
  EXPECT_THAT(Values(output_), IsEmpty());
  EXPECT_EQ(Run(transactions.get(), Request(*group, 5, {})).result, Outcome::kCommitted);
}

TEST_F(TransactionsTest, MetadataWithoutAGroupGenerationIsNotSent) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  auto request = Request(group, 5, {Outputs(output_, {"unfenced"})});
  const int32_t none = -1;
  request.group_metadata = "CGMDv2:";
  request.group_metadata.append(reinterpret_cast<const char*>(&none), sizeof(none));
  request.group_metadata += group_name_ + '\0' + '\0' + '\1';
  EXPECT_EQ(Run(transactions.get(), std::move(request)).result, Outcome::kAborted);
  EXPECT_THAT(Values(output_), IsEmpty());
  EXPECT_EQ(group.Committed(0).committed, std::nullopt);
}

// The former owner stands between its offsets and the commit.
TEST_F(TransactionsTest, FencingMakesPendingOffsetsStableAndStopsTheFormerOwner) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto former = broker_.LeaveOpen(id_, output_, group.metadata, {{{input_, 0}, 42}});
  const auto asked = std::chrono::steady_clock::now();
  const auto pending = group.LookUpOnce(0);
  ASSERT_FALSE(pending.result) << "committed " << pending.result->front().committed.value_or(-1);
  EXPECT_EQ(pending.result.error().error_class, ErrorClass::kRetriable);
  std::cout << "a look-up of pending offsets waits " << MillisSince(asked) << " ms\n";
  auto transactions = Make(broker_.UniqueName("mr.default.f.other.0"));
  const auto began = std::chrono::steady_clock::now();
  const auto fenced = Fence(transactions.get(), id_);
  EXPECT_TRUE(fenced.done) << fenced.detail;
  EXPECT_EQ(fenced.owner, id_);
  EXPECT_EQ(fenced.request, 77U);
  const int64_t fence_ms = MillisSince(began);
  const commit::StartReply stable = group.LookUpOnce(0);
  ASSERT_TRUE(stable.result) << stable.result.error().message;
  EXPECT_EQ(stable.result->front().committed, std::nullopt);
  std::cout << "fenced after " << fence_ms << " ms, stable after " << MillisSince(began) << " ms\n";
  EXPECT_LT(MillisSince(began), 5'000);
  EXPECT_FALSE(former->Commit());
  EXPECT_THAT(Values(output_), IsEmpty());
}

TEST_F(TransactionsTest, AFencedLaneIsToldSoAndItsIdWorksAgain) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto former = Make(id_);
  ASSERT_EQ(Run(former.get(), Request(group, 1, {Outputs(output_, {"one"})})).result,
            Outcome::kCommitted);
  auto other = Make(broker_.UniqueName("mr.default.f.other.0"));
  ASSERT_TRUE(Fence(other.get(), id_).done);
  const auto reply = Run(former.get(), Request(group, 2, {Outputs(output_, {"zombie"})}));
  EXPECT_EQ(reply.result, Outcome::kFenced) << reply.detail;
  EXPECT_THAT(Values(output_), ElementsAre("one"));
  EXPECT_EQ(group.Committed(0).committed, 1);
  EXPECT_EQ(Run(former.get(), Request(group, 3, {Outputs(output_, {"again"})})).result,
            Outcome::kCommitted);
}

TEST_F(TransactionsTest, WhatAFormerProcessLeftOpenIsEndedByTheInitialisation) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto former = broker_.LeaveOpen(id_, output_, group.metadata, {{{input_, 0}, 42}});
  auto transactions = Make(id_);
  const commit::StartReply stable = group.LookUpOnce(0);
  ASSERT_TRUE(stable.result) << stable.result.error().message;
  EXPECT_FALSE(former->Commit());
  EXPECT_EQ(Run(transactions.get(), Request(group, 3, {Outputs(output_, {"mine"})})).result,
            Outcome::kCommitted);
}

TEST_F(TransactionsTest, FencesThatWaitTogetherAreAllAnswered) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  ASSERT_EQ(Run(transactions.get(), Request(group, 1, {})).result, Outcome::kCommitted);
  for (uint64_t i = 0; i < 5; ++i) transactions->StartFence(i % 2 ? "even" : "odd", i);
  std::vector<uint64_t> answered;
  commit::FenceReply reply;
  ASSERT_TRUE(Eventually([&] {
    while (transactions->PollFence(&reply)) {
      EXPECT_TRUE(reply.done) << reply.detail;
      answered.push_back(reply.request);
    }
    return answered.size() == 5;
  }));
  EXPECT_THAT(answered, testing::UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST_F(TransactionsTest, AnOutputThatIsTooLargeForItsTopicIsRefusedByName) {
  const std::string small = broker_.MakeTopic("small", 1, {{"max.message.bytes", "5000"}});
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  const auto reply =
      Run(transactions.get(),
          Request(group, 5, {Outputs(output_, {"a"}), Outputs(small, {std::string(20'000, 'x')})}));
  ASSERT_EQ(reply.result, Outcome::kRefused) << reply.detail;
  EXPECT_EQ(reply.refused_topic, small);
  EXPECT_EQ(reply.refused_publication, 1U);
  EXPECT_THAT(reply.detail, HasSubstr("max.message.bytes"));
  EXPECT_THAT(Values(output_), IsEmpty());
  EXPECT_EQ(group.Committed(0).committed, std::nullopt);
  const auto next =
      Run(transactions.get(), Request(group, 6, {Outputs(output_, {"b"}), Outputs(small, {"c"})}));
  EXPECT_EQ(next.result, Outcome::kCommitted) << next.detail;
  EXPECT_THAT(Values(output_), ElementsAre("b"));
  EXPECT_THAT(Values(small), ElementsAre("c"));
}

TEST_F(TransactionsTest, OfARefusedBatchTheLargestRecordIsNamed) {
  const std::string small = broker_.MakeTopic("small", 1, {{"max.message.bytes", "5000"}});
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  const auto reply = Run(transactions.get(),
                         Request(group, 5,
                                 {Outputs(small, {"a"}), Outputs(small, {std::string(20'000, 'x')}),
                                  Outputs(small, {"b"})}));
  ASSERT_EQ(reply.result, Outcome::kRefused) << reply.detail;
  EXPECT_EQ(reply.refused_publication, 1U);
}

TEST_F(TransactionsTest, AMissingTopicOrPartitionIsRefusedByName) {
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  const std::string missing = broker_.UniqueName("missing");
  auto reply = Run(transactions.get(),
                   Request(group, 5, {Outputs(output_, {"a"}), Outputs(missing, {"b"})}));
  ASSERT_EQ(reply.result, Outcome::kRefused) << reply.detail;
  EXPECT_EQ(reply.refused_topic, missing);
  EXPECT_EQ(reply.refused_publication, 1U);
  EXPECT_THAT(Values(output_), IsEmpty());
  broker_.CreateTopic(missing, 1);
  ASSERT_TRUE(Eventually([&] {
    reply = Run(transactions.get(), Request(group, 5, {Outputs(missing, {"b"})}));
    return reply.result == Outcome::kCommitted;
  })) << reply.detail;
  EXPECT_THAT(Values(missing), ElementsAre("b"));
}

TEST_F(TransactionsTest, APartitionAddedAfterTheTopicWasUsedIsFound) {
  const std::string growing = broker_.MakeTopic("growing", 1);
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  ASSERT_EQ(Run(transactions.get(), Request(group, 1, {Outputs(growing, {"a"})})).result,
            Outcome::kCommitted);
  broker_.AddPartitions(growing, 2);
  const std::vector<std::string> topics = {growing};
  const std::vector<std::string> sources = {"f/in/0"};
  commit::OutboxWriter writer(&topics, &sources);
  writer.Add(
      {.topic = 0, .key = {}, .value = "b", .headers = {}, .timestamp_ms = 1, .partition = 1});
  const auto reply = Run(transactions.get(), Request(group, 2, {writer.Finish(2, {})}));
  EXPECT_EQ(reply.result, Outcome::kCommitted) << reply.detail;
}

}  // namespace
}  // namespace millrace::kafka::test
