// SPDX-License-Identifier: Apache-2.0
#include "observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "observe/limited_log.h"
#include "unit/fakes/recording_logger.h"

namespace millrace::observe {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Log, ALineHasUtcTimeLevelMessageAndFields) {
  std::ostringstream out;
  MakeStreamLogger(out, LogLevel::kInfo)
      ->Warn("topic not found, asking again", {{"topic", "wiki.edits"}, {"why", "not \"there\""}});
  EXPECT_THAT(out.str(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "warn topic not found, asking again topic=wiki.edits "
                           "why=\"not \\\\\"there\\\\\"\"\n"));
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
  std::ostringstream out;
  const auto log = MakeStreamLogger(out, LogLevel::kWarn);
  log->Debug("a");
  log->Info("b");
  EXPECT_EQ(out.str(), "");
  log->Error("c");
  EXPECT_THAT(out.str(), EndsWith("Z error c\n"));
}

TEST(Log, AMessageStaysOneLine) {
  std::ostringstream out;
  MakeStreamLogger(out, LogLevel::kInfo)->Info("two\nlines\x1b[31m {} %v");
  EXPECT_THAT(out.str(), EndsWith("Z info two\\nlines\\x1b[31m {} %v\n"));
}

TEST(Log, ALongMessageIsCutAndSaysSo) {
  std::ostringstream out;
  MakeStreamLogger(out, LogLevel::kInfo)->Info(std::string(3 * kLogLineBytesMax, 'x'));
  EXPECT_THAT(out.str(), EndsWith("x... (cut)\n"));
  EXPECT_LT(out.str().size(), kLogLineBytesMax + 100);
}

TEST(Log, LevelsAreNamedAndParsed) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    EXPECT_EQ(ParseLogLevel(Name(level)), level);
  }
  EXPECT_EQ(ParseLogLevel("loud"), std::nullopt);
}

TEST(LimitedLog, WritesSoManyLinesPerKeyAndTellsHowManyWereLeftOut) {
  fakes::RecordingLogger lines;
  ManualClock clock;
  LimitedLog log(lines, clock, {.lines = 2, .interval = Millis(1000)});
  for (int i = 0; i < 5; ++i) log.Log("a", LogLevel::kInfo, "of a");
  log.Log("b", LogLevel::kInfo, "of b");
  EXPECT_THAT(lines.lines, ElementsAre("of a", "of a", "of b"));
  clock.Advance(Millis(1000));
  lines.lines.clear();
  log.Log("a", LogLevel::kInfo, "of a");
  log.Log("a", LogLevel::kInfo, "of a");
  EXPECT_THAT(lines.lines, ElementsAre("of a suppressed=3", "of a"));
}

TEST(RateLimiter, RemembersABoundedNumberOfKeys) {
  RateLimiter limit({.lines = 1, .interval = Millis(1000)});
  const SteadyTime now = ManualClock().Now();
  for (size_t i = 0; i < RateLimiter::kKeysMax; ++i) {
    EXPECT_TRUE(limit.Admit("key " + std::to_string(i), now));
  }
  EXPECT_TRUE(limit.Admit("one more", now));
  EXPECT_FALSE(limit.Admit("and another", now)) << "late keys share a budget";
  EXPECT_TRUE(limit.Admit("and another", now + Millis(1000)));
}

}  // namespace
}  // namespace millrace::observe
