// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <millrace/testing.h>

#include <string>

namespace millrace {
namespace {

using testing::Emitted;
using testing::Harness;
using testing::Library;
using testing::Result;

const mr_function* Load(const std::string& name) {
  return Library(MILLRACE_FUNCTIONS + name + ".so").table();
}

TEST(Echo, KeepsKeyAndValueAsTheyAreNullIncluded) {
  Harness function(Load("echo"));
  EXPECT_EQ(function.Send("k", "v").emitted.at(0), (Emitted{"out", "k", "v"}));
  EXPECT_EQ(function.Send("", "").emitted.at(0), (Emitted{"out", "", ""}));
  EXPECT_EQ(function.Send(std::nullopt, std::nullopt).emitted.at(0),
            (Emitted{"out", std::nullopt, std::nullopt}));
}

TEST(CCounter, KeepsTheCountOfEachKeyAsDecimalText) {
  Harness function(Load("c_counter"));
  for (int i = 0; i < 9; ++i) function.Send("k", "v");
  function.Send("other", "v");
  EXPECT_EQ(function.Send("k", "v").emitted.at(0), (Emitted{"totals", "k", "10"}));
  EXPECT_EQ(function.Stored("total", "k"), "10");
  EXPECT_EQ(function.Stored("total", "other"), "1");
}

TEST(CCounter, LeavesAFailedCallToTheHost) {
  Harness function(Load("c_counter"));
  EXPECT_EQ(function.Send(std::nullopt, "v").outcome, MR_DEAD_LETTER);
  function.LoseStore();
  EXPECT_EQ(function.Send("k", "v").outcome, MR_RETRY);
}

TEST(PageEdits, SumsUpEachPageInStateAndOutput) {
  Harness function(Load("page_edits"));
  function.Send("Rallicula", R"({"page":"Rallicula","isRobot":true,"added":17,"deleted":0})");
  function.Send("Other", R"({"added":1,"deleted":2})");
  const Result result = function.Send("Rallicula", R"({"added":3,"deleted":5,"metroCode":null})");
  const std::string text = R"({"edits":2,"added":20,"deleted":5})";
  EXPECT_EQ(result.emitted.at(0), (Emitted{"counts", "Rallicula", text}));
  EXPECT_EQ(function.Stored("pages", "Rallicula"), text);
  EXPECT_EQ(function.Stored("pages", "Other"), R"({"edits":1,"added":1,"deleted":2})");
}

TEST(PageEdits, NullAndMissingCountsAreZero) {
  Harness function(Load("page_edits"));
  function.Send("p", R"({"added":null,"deleted":4})");
  function.Send("p", "{}");
  EXPECT_EQ(function.Stored("pages", "p"), R"({"edits":2,"added":0,"deleted":4})");
}

TEST(PageEdits, WhatIsNotAnObjectIsADeadLetter) {
  Harness function(Load("page_edits"));
  for (const char* value : {"", "edit", "[1]", R"({"added":)", "\xff"}) {
    EXPECT_EQ(function.Send("p", value).outcome, MR_DEAD_LETTER) << value;
  }
  EXPECT_EQ(function.Send("p", std::nullopt).outcome, MR_DEAD_LETTER);
  EXPECT_EQ(function.stored_count(), 0u);
}

TEST(PageEdits, IgnoresRobotsIfAsked) {
  Harness function(Load("page_edits"), {.config = {{"ignore_robots", "true"}}});
  EXPECT_EQ(function.Send("p", R"({"isRobot":true,"added":1})").outcome, MR_DONE);
  EXPECT_EQ(function.stored_count(), 0u);
  EXPECT_EQ(function.Send("p", R"({"isRobot":null,"added":1})").emitted.size(), 1u);
}

TEST(Bids, KeepsStatisticsPerAuction) {
  Harness function(Load("bids"));
  function.Send("7", R"({"auction":7,"bidder":1,"price":9999,"channel":"Google","ts":1})");
  function.Send("7", R"({"auction":7,"bidder":2,"price":10000,"channel":"Apple","ts":2})");
  function.Send("8", R"({"auction":8,"bidder":2,"price":5,"channel":"Apple","ts":2})");
  function.Send("7", R"({"auction":7,"bidder":2,"price":999999,"channel":"Apple","ts":3})");
  const Result result = function.Send("7", R"({"auction":7,"bidder":3,"price":1000000,"ts":4})");
  EXPECT_EQ(result.emitted.at(0),
            (Emitted{"stats", "7",
                     R"({"auction":7,"bids":4,"rank1":1,"rank2":2,"rank3":1,)"
                     R"("min":9999,"max":1000000,"sum":2019998,"avg":504999})"}));
}

TEST(Bids, WhatIsNotABidIsADeadLetter) {
  Harness function(Load("bids"));
  for (const char* value :
       {"", "{}", R"({"auction":1,"price":"3"})", R"({"auction":1.5,"price":3})"}) {
    EXPECT_EQ(function.Send("1", value).outcome, MR_DEAD_LETTER) << value;
  }
}

}  // namespace
}  // namespace millrace
