// SPDX-License-Identifier: Apache-2.0
#include "observe/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace millrace::observe {
namespace {

using testing::HasSubstr;
using testing::Not;

MetricsSnapshot FullSnapshot() {
  LaneCounters lane;
  lane.invocations_of(OutcomeLabel::kDone).Add(40);
  lane.invocations_of(OutcomeLabel::kDrop).Add(2);
  lane.invocation_duration.Observe(std::chrono::microseconds(3), 42);
  lane.commits_of(CommitLabel::kApplied).Add(5);
  lane.tasks.Set(4);
  MetricsSnapshot snapshot{.version = "0.1.0", .ready = ReadyState::kReady, .functions = {}};
  FunctionMetrics function;
  function.function = "page-edits";
  function.state = RunState::kRunning;
  function.generation = 3;
  function.generations = {{"running", 1}, {"retired", 2}};
  function.late_handlers = 1;
  function.restarts = 6;
  function.swaps = {{"swapped", 2}, {"refused", 0}};
  function.totals.Add(lane);
  function.lag = {{"wiki.edits", 0, 17}, {"wiki.edits", 1, 0}};
  function.lag_seconds = 0.25;
  snapshot.functions.push_back(function);
  return snapshot;
}

std::set<std::string> TypesIn(const std::string& text) {
  std::set<std::string> types;  // "name kind"
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) types.insert(line.substr(7));
  }
  return types;
}

TEST(Exposition, ShowsCountersUnderTheNamesOfTheDocs) {
  const std::string text = RenderMetrics(FullSnapshot());
  for (const char* line : {
           "millrace_build_info{version=\"0.1.0\"} 1\n",
           "millrace_ready 1\n",
           "millrace_function_running{function=\"page-edits\"} 1\n",
           "millrace_function_generation{function=\"page-edits\"} 3\n",
           "millrace_function_generations{function=\"page-edits\",state=\"retired\"} 2\n",
           "millrace_handlers_late{function=\"page-edits\"} 1\n",
           "millrace_process_restarts_total{function=\"page-edits\"} 6\n",
           "millrace_swaps_total{function=\"page-edits\",result=\"refused\"} 0\n",
           "millrace_invocations_total{function=\"page-edits\",outcome=\"done\"} 40\n",
           "millrace_invocations_total{function=\"page-edits\",outcome=\"dead-letter\"} 0\n",
           "millrace_dropped_total{function=\"page-edits\"} 2\n",
           "millrace_commits_total{function=\"page-edits\",result=\"applied\"} 5\n",
           "millrace_lag_records{function=\"page-edits\",topic=\"wiki.edits\",partition=\"0\"} "
           "17\n",
           "millrace_lag_records{function=\"page-edits\",topic=\"wiki.edits\",partition=\"1\"} 0\n",
           "millrace_lag_seconds{function=\"page-edits\"} 0.25\n",
           "millrace_tasks{function=\"page-edits\"} 4\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Exposition, HistogramIsCumulativeAndEndsAtInfinity) {
  const std::string text = RenderMetrics(FullSnapshot());
  const std::string name = "millrace_invocation_duration_seconds";
  EXPECT_THAT(text, HasSubstr(name + "_bucket{function=\"page-edits\",le=\"+Inf\"} 42\n"));
  EXPECT_THAT(text, HasSubstr(name + "_count{function=\"page-edits\"} 42\n"));
  EXPECT_THAT(text, HasSubstr(name + "_sum{function=\"page-edits\"} 0.000126\n"));
}

TEST(Exposition, UnknownLagIsAbsentAndNeverZero) {
  MetricsSnapshot snapshot = FullSnapshot();
  snapshot.functions[0].lag.clear();
  snapshot.functions[0].lag_seconds.reset();
  snapshot.functions[0].generation.reset();
  const std::string text = RenderMetrics(snapshot);
  EXPECT_THAT(text, Not(HasSubstr("millrace_lag")));
  EXPECT_THAT(text, Not(HasSubstr("millrace_function_generation{")));
}

TEST(Exposition, AHostWithoutFunctionsShowsItselfOnly) {
  EXPECT_EQ(TypesIn(RenderMetrics({.version = "0.1.0", .functions = {}})),
            (std::set<std::string>{"millrace_build_info gauge", "millrace_ready gauge"}));
}

TEST(Exposition, LabelsThatHoldQuotesAreEscaped) {
  MetricsSnapshot snapshot = FullSnapshot();
  snapshot.functions[0].lag = {{"a\"b\\c\nd", 0, 1}};
  EXPECT_THAT(RenderMetrics(snapshot), HasSubstr("topic=\"a\\\"b\\\\c\\nd\""));
}

// docs/metrics.md: table rows "| `name` | kind | labels | meaning |".
TEST(MetricsDocs, ListExactlyTheSeriesRendered) {
  std::ifstream docs(std::filesystem::path(MILLRACE_SOURCE_DIR) / "docs/metrics.md");
  ASSERT_TRUE(docs) << "docs/metrics.md is missing";
  std::set<std::string> documented;
  for (std::string line; std::getline(docs, line);) {
    if (!line.starts_with("| `millrace_")) continue;
    const size_t end = line.find('`', 3);
    std::istringstream kind(line.substr(end + 3));
    std::string word;
    kind >> word;
    documented.insert(line.substr(3, end - 3) + " " + word);
  }
  EXPECT_EQ(documented, TypesIn(RenderMetrics(FullSnapshot())));
}

std::string FindPromtool() {
  if (const char* named = std::getenv("MILLRACE_PROMTOOL")) return named;
  std::istringstream path(std::getenv("PATH") ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(path, folder, ':');) {
    if (access((folder + "/promtool").c_str(), X_OK) == 0) return folder + "/promtool";
  }
  return "";
}

TEST(Exposition, PromtoolFindsNothingToSay) {
  const std::string promtool = FindPromtool();
  if (promtool.empty()) {
    GTEST_SKIP() << "promtool is not on PATH (Debian package prometheus); set MILLRACE_PROMTOOL";
  }
  const auto file = std::filesystem::temp_directory_path() /
                    ("millrace-metrics-" + std::to_string(getpid()) + ".txt");
  std::ofstream(file) << RenderMetrics(FullSnapshot());
  FILE* lint = popen((promtool + " check metrics < " + file.string() + " 2>&1").c_str(), "r");
  ASSERT_NE(lint, nullptr);
  std::string said;
  for (int c = 0; (c = std::fgetc(lint)) != EOF;) said += static_cast<char>(c);
  const int status = pclose(lint);
  std::filesystem::remove(file);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << said;
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace millrace::observe
