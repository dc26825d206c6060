// SPDX-License-Identifier: Apache-2.0
#include "app/calls_in_flight.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "unit/fakes/files.h"
#include "unit/fakes/recording_logger.h"

namespace millrace::app {
namespace {

using testing::ElementsAre;

constexpr SteadyTime kBegan{std::chrono::seconds(100)};
constexpr SteadyTime kLate = kBegan + Millis(2'000);
constexpr auto kLibrary = "0123456789ab";

class CallsInFlightTest : public testing::Test {
 protected:
  CallsInFlightTest() { Board(calls_).ShowAlive(kBegan); }

  static FunctionSpec Spec() {
    FunctionSpec spec;
    spec.name = "bids";
    spec.lanes = 2;
    spec.limits.timeout = Millis(2'000);
    spec.triggers.emplace_back().topics = {"closed", "bids"};
    return spec;
  }
  static LaneBoard& Board(const CallsInFlight& calls) { return *calls.board(); }
  // The handler in `lane` has the first of three events of the second topic, "closed".
  static void Begin(const CallsInFlight& calls, int lane, int32_t partition) {
    invoke::InFlight& in_flight = Board(calls).slot(lane).in_flight;
    in_flight.SetLibrary(invoke::LibraryNumber(kLibrary));
    in_flight.Begin(
        {.since = kBegan, .topic = 1, .partition = partition, .offset = 7, .together = 3});
  }
  void Blame(int32_t number) { Board(calls_).culprit()->Set(number); }

  fakes::RecordingLogger log_;
  CallsInFlight calls_{Spec(), "", &log_};
  std::vector<LaneReport> reports_{2};
};

TEST_F(CallsInFlightTest, ACallIsLateOnceItHasLastedForTheTimeout) {
  Begin(calls_, 1, 4);
  EXPECT_EQ(calls_.LateHandler(1, kLate - Millis(1), reports_), std::nullopt);
  EXPECT_EQ(calls_.LateHandler(0, kLate, reports_), std::nullopt);
  const auto late = calls_.TooLong(kLate, reports_);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->what,
            "the handler has worked on closed/4@7 for longer than limits.timeout (2000 ms)");
  EXPECT_EQ(late->thread, NumberOfLane(1));
  EXPECT_EQ(calls_.LateHandler(1, kLate, reports_), late->what);
}

TEST_F(CallsInFlightTest, TheTaskItselfKnowsItsTopicsBest) {
  Begin(calls_, 1, 4);
  lane::TaskStatus& task = reports_[1].tasks.emplace_back();
  task.partition = 4;
  for (const auto* topic : {"a", "b"}) task.topics.emplace_back().topic = topic;
  EXPECT_THAT(*calls_.LateHandler(1, kLate, reports_), testing::HasSubstr("b/4@7"));
}

TEST_F(CallsInFlightTest, WhatIsNoHandlersIsLateToo) {
  Begin(calls_, 0, -1);
  EXPECT_EQ(calls_.TooLong(kLate, reports_)->what,
            "start() or stop() of the library has lasted for longer than limits.timeout (2000 ms)");
  Board(calls_).Clear();
  Board(calls_).opening().Begin({.since = kBegan});
  EXPECT_EQ(calls_.TooLong(kLate, reports_)->what,
            "its library has been opened or closed for longer than limits.timeout (2000 ms)");
  Board(calls_).invocation().Begin({.since = kBegan});
  EXPECT_EQ(calls_.TooLong(kLate, reports_)->what,
            "the handler has worked on an invocation over HTTP for longer than limits.timeout "
            "(2000 ms)");
}

TEST_F(CallsInFlightTest, AProcessMaySayNothingForFiveSecondsMore) {
  EXPECT_FALSE(calls_.TooLong(kLate + Millis(4'999), reports_));
  const auto late = calls_.TooLong(kLate + Millis(5'000), reports_);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->what,
            "it has said nothing for longer than limits.timeout (2000 ms), as if it had been "
            "stopped");
  EXPECT_EQ(late->thread, process::Culprit::kOther);
}

TEST_F(CallsInFlightTest, TheEventThatAProcessDiedOfIsMarkedUntilItIsForgotten) {
  Begin(calls_, 0, 4);
  Blame(NumberOfLane(0));
  EXPECT_EQ(calls_.DiedOf(reports_), " while its handler worked on closed/4@7");
  EXPECT_TRUE(calls_.DiedInHandlerOf(kLibrary));
  EXPECT_FALSE(calls_.DiedInHandlerOf("ba9876543210"));
  calls_.NoteCrash({{3, 0}}, reports_);
  EXPECT_FALSE(calls_.Crash(4)) << "the task is another host's by now";
  calls_.NoteCrash({{4, 0}}, reports_);
  Board(calls_).Clear();
  const auto crash = calls_.Crash(4);
  ASSERT_TRUE(crash);
  EXPECT_EQ(
      *crash,
      (CrashMark{
          .topic = "closed", .offset = 7, .together = 3, .hash12 = kLibrary, .id = crash->id}));
  EXPECT_TRUE(IsSound(*crash));
  calls_.ForgetCrash(4);
  EXPECT_FALSE(calls_.Crash(4));
}

TEST_F(CallsInFlightTest, ADeathThatIsNoEventsIsToldButNotMarked) {
  Begin(calls_, 0, -1);
  EXPECT_EQ(calls_.DiedOf(reports_), " while an instance of its library was started or stopped");
  EXPECT_FALSE(calls_.DiedInHandlerOf(kLibrary));
  calls_.NoteCrash({{4, 0}}, reports_);
  EXPECT_FALSE(calls_.Crash(-1));
  EXPECT_FALSE(calls_.Crash(4));
  Blame(process::Culprit::kOutside);
  EXPECT_EQ(calls_.DiedOf(reports_), ", which another process has sent");
  Board(calls_).Clear();
  EXPECT_EQ(calls_.DiedOf(reports_), "");
  Board(calls_).opening().Begin({.since = kBegan});
  EXPECT_EQ(calls_.DiedOf(reports_), " while its library was opened");
}

TEST_F(CallsInFlightTest, TheNextProcessFindsInTheFileWhatTheFormerOneDiedOf) {
  const fakes::TemporaryDirectory directory;
  const std::string file = directory / "in-flight/bids";
  {
    CallsInFlight former(Spec(), file, &log_);
    Begin(former, 1, 4);
    Board(former).culprit()->Set(NumberOfLane(1));
  }
  CallsInFlight next(Spec(), file, &log_);
  EXPECT_THAT(log_.lines, ElementsAre("function bids: its handler has ended the former process of "
                                      "this host while it worked on closed/4@7"));
  ASSERT_TRUE(next.Crash(4));
  EXPECT_EQ(next.Crash(4)->topic, "closed");
  EXPECT_EQ(next.DiedOf(reports_), "") << "its own board is new";
  next.RemoveFile();
  EXPECT_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace millrace::app
