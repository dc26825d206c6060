// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "integration/kafka/transactions_user.h"

namespace millrace::kafka::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using TransactionOutageTest = TransactionsTest;

TEST_F(TransactionOutageTest, WithoutABrokerATransactionIsAbortedInTimeAndTheObjectEndsPromptly) {
  ClientOptions away = broker_.Options();
  away.properties["bootstrap.servers"] = "127.0.0.1:1";
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = *MakeTransactions({.client = away,
                                         .transactional_id = id_,
                                         .transaction_timeout = Millis(3'000),
                                         .wake_fd = -1});
  const auto reply = Run(transactions.get(), Request(group, 5, {Outputs(output_, {"a"})}));
  EXPECT_EQ(reply.result, Outcome::kAborted);
  EXPECT_THAT(reply.detail, HasSubstr(id_));
  const auto fence = Fence(transactions.get(), "somebody");
  EXPECT_FALSE(fence.done);
  EXPECT_NE(fence.detail, "");
  const auto began = std::chrono::steady_clock::now();
  transactions.reset();
  EXPECT_LT(MillisSince(began), 3'000);
}

TEST_F(TransactionOutageTest,
       ABrokerThatRestartsLeavesEveryTransactionWithAnOutcomeAndDoublesNothing) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker of KAFKA is not ours to stop";
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  ASSERT_EQ(Run(transactions.get(), Request(group, 1, {Outputs(output_, {"before"})})).result,
            Outcome::kCommitted);
  std::vector<std::string> values;
  for (int i = 0; i < 20'000; ++i) values.push_back(std::to_string(i));
  Broker::Stack("pause kafka");
  transactions->StartTransaction(Request(group, 2, {Outputs(output_, values)}));
  GiveTimeToBegin();
  Broker::Stack("kill kafka");
  Broker::Stack("start kafka");
  const auto reply = Await(transactions.get(), std::chrono::seconds(90));
  std::cout << "outcome " << static_cast<int>(reply.result) << " " << reply.detail << "\n";
  const commit::StartingPoint after = group.Committed(0);
  const size_t seen = Values(output_).size();
  if (reply.result == Outcome::kCommitted) {
    EXPECT_EQ(after.committed, 2);
  }
  if (reply.result == Outcome::kAborted || reply.result == Outcome::kFenced) {
    EXPECT_EQ(after.committed, 1);
  }
  EXPECT_EQ(seen, after.committed == 2 ? values.size() + 1 : 1) << "all or nothing, once";
  EXPECT_TRUE(Eventually(
      [&] {
        group.Poll();
        return group.owned == 2 &&
               Run(transactions.get(), Request(group, 3, {})).result == Outcome::kCommitted;
      },
      std::chrono::seconds(60)));
}

TEST_F(TransactionOutageTest, ABrokerThatIsSilentIsOutlasted) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker of KAFKA is not ours to stop";
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_, Millis(4'000));
  ASSERT_EQ(Run(transactions.get(), Request(group, 1, {Outputs(output_, {"before"})})).result,
            Outcome::kCommitted);
  Broker::Stack("pause kafka");
  transactions->StartTransaction(Request(group, 2, {Outputs(output_, {"during"})}));
  const auto began = std::chrono::steady_clock::now();
  commit::TransactionReply reply;
  const bool early =
      Eventually([&] { return transactions->PollTransaction(&reply); }, std::chrono::seconds(7));
  Broker::Stack("resume kafka");
  if (!early) reply = Await(transactions.get(), std::chrono::seconds(60));
  std::cout << "outcome " << static_cast<int>(reply.result) << " after " << MillisSince(began)
            << " ms: " << reply.detail << "\n";
  EXPECT_NE(reply.result, Outcome::kCommitted) << "its time was over";
  const commit::StartingPoint after = group.Committed(0);
  const std::vector<std::string> values = Values(output_);
  if (after.committed == 2) {
    EXPECT_EQ(reply.result, Outcome::kUnknown);
    EXPECT_THAT(values, ElementsAre("before", "during"));
  } else {
    EXPECT_THAT(values, ElementsAre("before"));
  }
}

TEST_F(TransactionOutageTest, DestroyedWhileTheBrokerIsSilentItEndsInBoundedTime) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker of KAFKA is not ours to stop";
  Group group = Join();
  ASSERT_TRUE(group.Assigned(2));
  auto transactions = Make(id_);
  ASSERT_EQ(Run(transactions.get(), Request(group, 1, {Outputs(output_, {"before"})})).result,
            Outcome::kCommitted);
  Broker::Stack("pause kafka");
  transactions->StartTransaction(Request(group, 2, {Outputs(output_, {"during"})}));
  transactions->StartFence("somebody", 1);
  GiveTimeToBegin();
  const auto began = std::chrono::steady_clock::now();
  transactions.reset();
  const int64_t ended_ms = MillisSince(began);
  Broker::Stack("resume kafka");
  std::cout << "ended after " << ended_ms << " ms\n";
  EXPECT_LT(ended_ms, 12'000);
}

}  // namespace
}  // namespace millrace::kafka::test
