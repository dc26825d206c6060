// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <millrace/testing.h>

#include <string>

namespace millrace {
namespace {

using testing::Harness;
using ::testing::HasSubstr;
using testing::Library;
using testing::Result;

const mr_function* Load(const std::string& name) {
  return Library(MILLRACE_LIBRARIES + name + ".so").table();
}

TEST(Libraries, WhatAHostCannotRunIsRefusedByName) {
  EXPECT_EQ(Harness(Load("wrong_major")).refused(), "library ABI 2, host ABI 1");
  EXPECT_EQ(Harness(Load("lying_note")).refused(), "library ABI 2, host ABI 1");
  EXPECT_EQ(Harness(Load("null_table")).refused(), "millrace_function returned NULL");
  EXPECT_EQ(Harness(Load("wants_counter")).refused(),
            "counter is not available in this version (total)");
  EXPECT_EQ(Harness(Load("wants_ttl")).refused(), "ttl is not available in this version (total)");
  EXPECT_THROW(Load("no_symbol"), std::runtime_error);
}

TEST(Libraries, AnExceptionOfAnyTypeRetriesAndLeavesNoEffects) {
  Harness function(Load("throws"));
  const Result number = function.Send("k", "int");
  EXPECT_EQ(number.outcome, MR_RETRY);
  EXPECT_EQ(number.reason, "threw something that is not a std::exception");
  EXPECT_TRUE(number.emitted.empty());
  EXPECT_EQ(function.Send("k", "std").reason, "boom");
  EXPECT_EQ(function.stored_count(), 0u);
  EXPECT_EQ(function.Send("k", "fine").outcome, MR_DONE);
  EXPECT_EQ(function.Stored("last", "k"), "fine");
}

TEST(Libraries, AnUndeclaredUseIsFatalCaughtOrNot) {
  Harness function(Load("throws"));
  EXPECT_EQ(function.Send("k", "undeclared").outcome, MR_FATAL);
  const Result swallowed = function.Send("k", "swallowed");
  EXPECT_EQ(swallowed.outcome, MR_FATAL);
  EXPECT_THAT(swallowed.reason, HasSubstr("state not declared"));
  EXPECT_EQ(Harness(Load("ignores_failure")).Send("k", "v").outcome, MR_FATAL);
}

TEST(Libraries, EveryOutcomeButDoneDropsTheEffects) {
  Harness function(Load("outcomes"));
  for (const char* value : {"retry", "drop", "dead-letter", "fatal", "unknown"}) {
    const Result result = function.Send("k", value);
    EXPECT_NE(result.outcome, MR_DONE) << value;
    EXPECT_FALSE(result.reason.empty()) << value;
    EXPECT_TRUE(result.emitted.empty()) << value;
  }
  EXPECT_EQ(function.stored_count(), 0u);
  EXPECT_EQ(function.Send("k", "done").emitted.size(), 1u);
  EXPECT_EQ(Harness(Load("dead_letter")).Send("k", "v").reason, "never any good");
}

TEST(Libraries, AnUnknownOutcomeIsFatal) {
  const Result result = Harness(Load("unknown_outcome")).Send("k", "v");
  EXPECT_EQ(result.outcome, MR_FATAL);
  EXPECT_EQ(result.reason, "unknown outcome 99");
}

TEST(Libraries, ARefusalInTheConstructorKeepsItsText) {
  EXPECT_EQ(Harness(Load("refuses"), {.config = {{"refuse", "no licence"}}}).refused(),
            "no licence");
  EXPECT_EQ(Harness(Load("refuses")).refused(), "");
}

TEST(Libraries, ARetryMaySucceedOnALaterAttempt) {
  Harness function(Load("retry_then_done"));
  EXPECT_EQ(function.Send("k", "retry:3").reason, "attempt 1 of 3");
  EXPECT_EQ(function.Send({.key = "k", .value = "retry:3", .attempt = 3}).outcome, MR_DONE);
}

TEST(Libraries, ABatchOfAFunctionWithStateKeepsThePrefixAndGivesTheRestAgain) {
  Harness function(Load("batch"));
  const auto results = function.SendBatch({{"k", "1"}, {"k", "drop"}, {"k", "3"}, {"k", "retry"}});
  EXPECT_EQ(results[0].emitted.at(0).value, "1");
  EXPECT_EQ(results[1].outcome, MR_DROP);
  EXPECT_EQ(results[2].emitted.at(0).value, "2") << "the dropped event is not counted";
  EXPECT_EQ(results[3].outcome, MR_RETRY);
  EXPECT_EQ(results[3].reason, "asked to retry");
}

TEST(Libraries, ABatchThatThrowsIsRetriedAndABatchHandlerTakesSingleEvents) {
  Harness function(Load("batch"));
  const auto results = function.SendBatch({{"k", "1"}, {"k", "throw"}});
  EXPECT_EQ(results[0].outcome, MR_RETRY);
  EXPECT_EQ(results[0].reason, "the batch threw");
  const auto failed = function.SendBatch({{"k", "1"}, {std::nullopt, "2"}});
  EXPECT_EQ(failed[0].outcome, MR_RETRY) << "its own effects are not to blame";
  EXPECT_EQ(failed[1].outcome, MR_DEAD_LETTER);
}

TEST(Libraries, TooLargeAnEffectFailsTheEvent) {
  Harness function(Load("touches_large"));
  EXPECT_EQ(function.Send("k", "1000").emitted.at(0).value->size(), 1000u);
  EXPECT_EQ(function.Send("k", "state:10").outcome, MR_DONE);
  EXPECT_EQ(function.Send("k", "2000000").outcome, MR_DEAD_LETTER);
  EXPECT_EQ(function.Send("k", "state:2000000").outcome, MR_DEAD_LETTER);
}

}  // namespace
}  // namespace millrace
