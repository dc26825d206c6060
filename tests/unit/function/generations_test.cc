// SPDX-License-Identifier: Apache-2.0
#include "function/generations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::function {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string HashOf(int number) { return "hash" + std::to_string(number); }

class GenerationsTest : public testing::Test {
 protected:
  // Opens the next one and lets every lane take it.
  void Run(int number) {
    generations.Admit(HashOf(number), nullptr, ++now);
    generations.Observe(number, {number}, ++now);
  }
  std::vector<std::string> States() const {
    std::vector<std::string> states;
    for (const GenerationRecord& record : generations.Records()) {
      states.push_back(std::to_string(record.number) + " " + Name(record.state));
    }
    return states;
  }
  uint64_t Swaps(SwapResult result) const {
    return generations.swaps()[static_cast<size_t>(result)];
  }

  Generations generations;
  int64_t now = 1000;
};

TEST_F(GenerationsTest, OneIsAdmittedUntilALaneRunsIt) {
  generations.Admit(HashOf(1), nullptr, 5);
  EXPECT_THAT(States(), ElementsAre("1 admitted"));
  EXPECT_EQ(generations.Records().front().since_unix_ms, 5);
  generations.Observe(1, {}, 6);
  EXPECT_THAT(States(), ElementsAre("1 admitted"));
  generations.Observe(1, {1}, 7);
  EXPECT_THAT(States(), ElementsAre("1 running"));
  EXPECT_EQ(generations.Records().front().since_unix_ms, 7);
  generations.Observe(1, {1}, 9);
  EXPECT_EQ(generations.Records().front().since_unix_ms, 7) << "nothing has changed";
  EXPECT_EQ(Swaps(SwapResult::kSwapped), 0U) << "the first one replaces nothing";
}

TEST_F(GenerationsTest, TheFormerOneDrainsUntilEveryLaneHasTakenTheNext) {
  Run(1);
  generations.Admit(HashOf(2), nullptr, ++now);
  generations.Observe(2, {1}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 draining", "2 admitted"));
  generations.Observe(2, {1, 2}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 draining", "2 running"));
  generations.Observe(2, {2}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 retired", "2 running"));
  EXPECT_EQ(Swaps(SwapResult::kSwapped), 1U);
}

TEST_F(GenerationsTest, WhatHasStoppedIsRetiredAndTheNextStartIsNoSwap) {
  Run(1);
  generations.Observe(0, {}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 retired"));
  Run(2);
  EXPECT_EQ(Swaps(SwapResult::kSwapped), 0U);
  EXPECT_EQ(generations.Former(2, std::nullopt)->number, 1);
}

TEST_F(GenerationsTest, RollbackLeadsToTheOneThatRanBeforeAndThenFurtherBack) {
  Run(1);
  Run(2);
  Run(3);
  EXPECT_EQ(generations.Former(3, std::nullopt)->number, 2);
  generations.RollBack(3, 2, "by hand", SwapResult::kRolledBack, ++now);
  generations.Observe(2, {2}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 retired", "2 running", "3 retired"));
  EXPECT_EQ(generations.Records()[2].reason, "by hand");
  EXPECT_EQ(Swaps(SwapResult::kSwapped), 2U) << "a rollback is counted as such";
  EXPECT_EQ(Swaps(SwapResult::kRolledBack), 1U);
  EXPECT_EQ(generations.Former(2, std::nullopt)->number, 1);
  EXPECT_EQ(generations.Former(2, 3)->number, 3) << "forward, when that is asked for";
  EXPECT_EQ(generations.Former(2, 3)->hash12, HashOf(3));
}

TEST_F(GenerationsTest, OneThatWasRolledBackIsNotGoneBackToUnlessItRanAgain) {
  Run(1);
  Run(2);
  generations.RollBack(2, 1, "errors", SwapResult::kRolledBackForErrors, ++now);
  generations.Observe(1, {1}, ++now);
  Run(3);
  EXPECT_EQ(generations.Former(3, std::nullopt)->number, 1);
  generations.RollBack(3, 2, "by hand", SwapResult::kRolledBack, ++now);
  generations.Observe(2, {2}, ++now);
  Run(4);
  EXPECT_EQ(generations.Former(4, std::nullopt)->number, 2);
}

TEST_F(GenerationsTest, GoingForwardAgainLeavesTheWayBackOpen) {
  Run(1);
  Run(2);
  generations.RollBack(2, 1, "by hand", SwapResult::kRolledBack, ++now);
  generations.Observe(1, {1}, ++now);
  generations.RollBack(1, 2, "by hand", SwapResult::kRolledBack, ++now);
  generations.Observe(2, {2}, ++now);
  EXPECT_EQ(generations.Former(2, std::nullopt)->number, 1);
}

TEST_F(GenerationsTest, WhatWasGonePastIsNotGoneBackTo) {
  Run(1);
  Run(2);
  Run(3);
  generations.RollBack(3, 1, "by hand", SwapResult::kRolledBack, ++now);
  generations.Observe(1, {1}, ++now);
  Run(4);
  EXPECT_EQ(generations.Former(4, std::nullopt)->number, 1);
}

TEST_F(GenerationsTest, OneThatRanAndThenDidNotStartMayBeAskedForAgain) {
  Run(1);
  Run(2);
  generations.RollBack(2, 1, "errors", SwapResult::kRolledBackForErrors, ++now);
  generations.RefuseAdmitted(1, "no connection today", ++now);
  generations.Observe(2, {2}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 refused", "2 running"));
  EXPECT_EQ(Swaps(SwapResult::kSwapped), 1U) << "2 was there before";
  EXPECT_FALSE(generations.Former(2, std::nullopt));
  EXPECT_EQ(generations.Former(2, 1)->number, 1);
}

TEST_F(GenerationsTest, RollbackToNowhereSaysWhy) {
  Run(1);
  EXPECT_THAT(generations.Former(1, std::nullopt).error().message, HasSubstr("nothing to go back"));
  EXPECT_THAT(generations.Former(1, 1).error().message, HasSubstr("generation 1 is what runs"));
  EXPECT_THAT(generations.Former(1, 7).error().message, HasSubstr("had no generation 7"));
}

TEST_F(GenerationsTest, OneThatGaveWayBeforeALaneRanItCanBeGoneBackTo) {
  generations.Admit(HashOf(1), nullptr, ++now);
  generations.Admit(HashOf(2), nullptr, ++now);
  generations.Observe(2, {}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 retired", "2 admitted"));
  EXPECT_EQ(generations.Former(2, std::nullopt)->number, 1);
}

TEST_F(GenerationsTest, WhatWasRefusedIsToldAndNeverGoneBackTo) {
  Run(1);
  generations.Refuse("", "it was cut short", ++now);
  generations.Admit(HashOf(2), nullptr, ++now);
  generations.RefuseAdmitted(2, "no luck in start()", ++now);
  generations.Observe(1, {1}, ++now);
  EXPECT_THAT(States(), ElementsAre("1 running", "0 refused", "2 refused"));
  EXPECT_EQ(generations.Records()[2].reason, "no luck in start()");
  EXPECT_EQ(Swaps(SwapResult::kRefused), 2U);
  EXPECT_FALSE(generations.Former(1, 2));
  EXPECT_EQ(generations.next_number(), 3);
}

TEST_F(GenerationsTest, OldRecordsAreForgottenButNotWhatRuns) {
  Run(1);
  for (size_t i = 0; i < Generations::kRecordsMax + 5; ++i) {
    generations.Refuse("", "reason " + std::to_string(i), ++now);
  }
  const auto records = generations.Records();
  EXPECT_EQ(records.size(), Generations::kRecordsMax);
  EXPECT_EQ(records.front().number, 1);
  EXPECT_EQ(records.back().reason, "reason " + std::to_string(Generations::kRecordsMax + 4));
}

}  // namespace
}  // namespace millrace::function
