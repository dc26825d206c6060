// SPDX-License-Identifier: Apache-2.0
#include "app/progress_line.h"

#include <gmock/gmock.h>

#include <sstream>
#include <vector>

namespace millrace::app {
namespace {

using testing::ElementsAre;

TEST(ProgressTextTest, TellsShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressText(3360, 8000, Millis(2800)),
            "[########............]  42% 3360 of 8000 events, 1200/s, 3 s left");
  EXPECT_EQ(ProgressText(1000, 1'000'000, Millis(1000)),
            "[....................]   0% 1000 of 1000000 events, 1000/s, 17 min left");
  EXPECT_EQ(ProgressText(1000, 10'000'000, Millis(1000)),
            "[....................]   0% 1000 of 10000000 events, 1000/s, 2 h 46 min left");
}

TEST(ProgressTextTest, HasNoRateBeforeTheFirstEventAndNoTimeLeftAfterTheLast) {
  EXPECT_EQ(ProgressText(0, 8000, Millis(2000)), "[....................]   0% 0 of 8000 events");
  EXPECT_EQ(ProgressText(5, 8000, Millis(0)), "[....................]   0% 5 of 8000 events");
  EXPECT_EQ(ProgressText(8000, 8000, Millis(2000)),
            "[####################] 100% 8000 of 8000 events, 4000/s");
}

TEST(ProgressTextTest, NothingToDoIsAllDone) {
  EXPECT_EQ(ProgressText(0, 0, Millis(10)), "[####################] 100% 0 of 0 events");
}

TEST(ProgressTextTest, IsNotCompleteBeforeTheLastEvent) {
  EXPECT_EQ(ProgressText(999'999, 1'000'000, Millis(0)).substr(0, 28),
            "[###################.]  99% ");
}

class RecordingLogger final : public Logger {
 public:
  explicit RecordingLogger(std::ostream* out) : out_(out) {}
  using Logger::Log;
  void Log(LogLevel, std::string_view message) override { *out_ << "log " << message << "\n"; }

 private:
  std::ostream* out_;
};

class ProgressLineTest : public testing::Test {
 protected:
  std::string Taken() {
    const std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  RecordingLogger log_{&out_};
  ManualClock clock_;
  ProgressLine terminal_{ProgressLine::Kind::kTerminal, &out_, &log_, &clock_};
  ProgressLine lines_{ProgressLine::Kind::kLines, &out_, &log_, &clock_};
};

TEST_F(ProgressLineTest, RedrawsOneLineOnATerminalAndLeavesTheLastText) {
  terminal_.Show("1%");
  terminal_.Show("1%");
  terminal_.Show("2%");
  terminal_.End();
  terminal_.End();
  EXPECT_EQ(Taken(), "\r\x1b[K1%\r\x1b[K2%\n");
}

TEST_F(ProgressLineTest, ALogLineTakesTheShownOnesPlaceAndItIsShownAgain) {
  terminal_.Warn("before");
  terminal_.Show("1%");
  terminal_.Warn("redis is away");
  terminal_.End();
  terminal_.Warn("after");
  EXPECT_EQ(Taken(), "log before\n\r\x1b[K1%\r\x1b[Klog redis is away\n1%\nlog after\n");
}

TEST_F(ProgressLineTest, WritesALineEveryFewSecondsElsewhere) {
  lines_.Show("1%");
  EXPECT_EQ(Taken(), "");
  clock_.Advance(ProgressLine::kLineInterval);
  lines_.Show("2%");
  lines_.Show("3%");
  EXPECT_EQ(Taken(), "2%\n");
  clock_.Advance(ProgressLine::kLineInterval);
  lines_.Warn("redis is away");
  lines_.Show("4%");
  EXPECT_EQ(Taken(), "log redis is away\n4%\n");
  lines_.Show("5%");
  lines_.End();
  EXPECT_EQ(Taken(), "5%\n");
}

TEST_F(ProgressLineTest, WhatDoesNotMoveIsWrittenOnce) {
  lines_.Show("1%");
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(ProgressLine::kLineInterval);
    lines_.Show("1%");
  }
  lines_.End();
  EXPECT_EQ(Taken(), "1%\n");
}

}  // namespace
}  // namespace millrace::app
