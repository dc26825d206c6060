// SPDX-License-Identifier: Apache-2.0
#include "model/crash.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

using Kept = std::map<std::string, CrashCount>;
using Applied = std::map<std::string, int64_t>;

CrashMark MarkOf(int64_t offset, std::string id, std::string hash12 = "aa") {
  return {.topic = "in", .offset = offset, .hash12 = std::move(hash12), .id = std::move(id)};
}

CrashCount CountOf(int64_t offset, int count, std::string ids, std::string hash12 = "aa") {
  return {.offset = offset, .count = count, .hash12 = std::move(hash12), .ids = std::move(ids)};
}

TEST(CrashTest, DeathsAtOneEventUnderOneLibraryAddUp) {
  EXPECT_EQ(Counted({}, MarkOf(5, "1")), CountOf(5, 1, "1"));
  EXPECT_EQ(Counted(CountOf(5, 1, "1"), MarkOf(5, "2")), CountOf(5, 2, "1,2"));
}

TEST(CrashTest, ADeathThatIsToldAgainIsNotCountedAgain) {
  EXPECT_EQ(Counted(CountOf(5, 2, "1,2"), MarkOf(5, "2")), CountOf(5, 2, "1,2"));
  EXPECT_EQ(Counted(CountOf(5, 2, "1,2"), MarkOf(5, "1")), CountOf(5, 2, "1,2"))
      << "nor when another host has told of its own since";
  EXPECT_EQ(Counted(CountOf(5, 2, "11,2"), MarkOf(5, "1")), CountOf(5, 3, "11,2,1"));
}

TEST(CrashTest, TheLastIdsAreKept) {
  std::optional<CrashCount> kept;
  for (int i = 1; i <= 100; ++i) kept = Counted(kept, MarkOf(5, std::to_string(i)));
  EXPECT_EQ(kept, CountOf(5, 100, "93,94,95,96,97,98,99,100"));
}

TEST(CrashTest, AnotherEventOrAnotherLibraryBeginsAtOne) {
  EXPECT_EQ(Counted(CountOf(5, 2, "2"), MarkOf(6, "3")), CountOf(6, 1, "3"));
  EXPECT_EQ(Counted(CountOf(5, 2, "2"), MarkOf(5, "3", "bb")), CountOf(5, 1, "3", "bb"));
}

TEST(CrashTest, WhatIsAppliedIsNotKept) {
  Kept kept = {{"in", CountOf(5, 2, "2")}, {"more", CountOf(9, 1, "1")}};
  CountCrash(std::nullopt, Applied{{"in", 5}, {"more", 10}}, &kept);
  EXPECT_EQ(kept, (Kept{{"in", CountOf(5, 2, "2")}}));
  CountCrash(MarkOf(5, "3"), Applied{{"in", 6}}, &kept);
  EXPECT_EQ(kept, Kept{});
}

TEST(CrashTest, AMarkOfWhatIsAppliedTakesNobodysPlace) {
  Kept kept = {{"in", CountOf(5, 2, "2")}};
  CountCrash(MarkOf(4, "3"), Applied{{"in", 5}}, &kept);
  EXPECT_EQ(kept, (Kept{{"in", CountOf(5, 2, "2")}}));
}

TEST(CrashTest, TopicsAreCountedByThemselves) {
  Kept kept = {{"more", CountOf(9, 1, "1")}};
  CountCrash(MarkOf(5, "2"), {}, &kept);
  EXPECT_EQ(kept, (Kept{{"in", CountOf(5, 1, "2")}, {"more", CountOf(9, 1, "1")}}));
}

TEST(CrashTest, AMarkThatCannotBeKeptIsNotSound) {
  EXPECT_TRUE(IsSound(MarkOf(0, "0f")));
  EXPECT_FALSE(IsSound(MarkOf(-1, "0f")));
  EXPECT_FALSE(IsSound(MarkOf(0, "")));
  EXPECT_FALSE(IsSound(MarkOf(0, "a b")));
  EXPECT_FALSE(IsSound(MarkOf(0, "0f", "x y")));
  CrashMark none = MarkOf(0, "0f");
  none.together = 0;
  EXPECT_FALSE(IsSound(none));
}

}  // namespace
}  // namespace millrace
