// SPDX-License-Identifier: Apache-2.0
#include "app/problem_log.h"

#include <algorithm>
#include <utility>

namespace millrace::app {
namespace {

constexpr observe::LogRate kRate{.lines = 10, .interval = Millis(10'000)};

}  // namespace

ProblemLog::ProblemLog(std::string function, Logger* log, const Clock* clock)
    : function_(std::move(function)), clock_(clock), log_(*log, *clock, kRate) {}

void ProblemLog::Update(const std::vector<std::string>& problems) {
  const SteadyTime now = clock_->Now();
  for (const std::string& text : problems) {
    Problem& problem = problems_.try_emplace(text, Problem{.since = now}).first->second;
    if (problem.told || now - problem.since < kTellAfter) continue;
    problem.told = true;
    log_.Log("waits", LogLevel::kWarn, "function " + function_ + " waits: " + text);
  }
  std::erase_if(problems_, [&](const auto& known) {
    if (std::find(problems.begin(), problems.end(), known.first) != problems.end()) return false;
    if (known.second.told) {
      log_.Log("over", LogLevel::kInfo, "function " + function_ + ": over is: " + known.first);
    }
    return true;
  });
}

}  // namespace millrace::app
