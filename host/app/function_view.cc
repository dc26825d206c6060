// SPDX-License-Identifier: Apache-2.0
#include "app/function_view.h"

#include <algorithm>

namespace millrace::app {
namespace {

http::FunctionState StateOf(RunState state) {
  switch (state) {
    case RunState::kStarting:
      return http::FunctionState::kStarting;
    case RunState::kRunning:
      return http::FunctionState::kRunning;
    case RunState::kRefused:
      return http::FunctionState::kRefused;
    case RunState::kStopped:
      return http::FunctionState::kStopped;
    case RunState::kStopping:
      return http::FunctionState::kStopping;
  }
  return http::FunctionState::kStopped;
}

http::TaskState StateOf(const lane::TaskStatus& task) {
  switch (task.phase) {
    case lane::TaskPhase::kStarting:
      return http::TaskState::kAcquiring;
    case lane::TaskPhase::kWaiting:
      return http::TaskState::kWaiting;
    case lane::TaskPhase::kStopped:
    case lane::TaskPhase::kReleased:
      return http::TaskState::kStopped;
    case lane::TaskPhase::kRunning:
    case lane::TaskPhase::kDraining:
      return task.retry ? http::TaskState::kRetrying : http::TaskState::kRunning;
  }
  return http::TaskState::kStopped;
}

http::RecoveryStatus RecoveryOf(const lane::RecoveryStatus& recovery) {
  return {.kind = recovery.kind,
          .text = recovery.text,
          .events_rerun = recovery.events_rerun,
          .outputs_suppressed = recovery.outputs_suppressed,
          .offsets_skipped = recovery.offsets_skipped};
}

http::TaskStatus TaskOf(const RunReport::Task& task) {
  http::TaskStatus view{.partition = task.status.partition,
                        .lane = task.lane,
                        .state = StateOf(task.status),
                        .reason = task.status.reason,
                        .topics = {},
                        .epoch = task.status.epoch};
  for (const lane::TopicProgress& topic : task.status.topics) {
    view.topics.push_back({.topic = topic.topic, .applied = topic.applied, .lag = topic.lag});
  }
  for (const AsideName& aside : task.status.aside) {
    view.aside.push_back({.kind = aside.kind, .topic = aside.topic, .offset = aside.offset});
  }
  view.aside_count = task.status.aside_count;
  if (task.status.recovery) view.recovery = RecoveryOf(*task.status.recovery);
  return view;
}

http::GenerationHistory HistoryOf(const function::GenerationRecord& generation) {
  http::GenerationHistory view{.number = std::nullopt,
                               .hash = generation.hash12,
                               .state = function::Name(generation.state),
                               .reason = generation.reason,
                               .since_ms = generation.since_unix_ms};
  if (generation.number != 0) view.number = static_cast<uint64_t>(generation.number);
  return view;
}

// Every state and result has its series, also those that are 0.
void CountGenerations(const std::vector<function::GenerationRecord>& generations,
                      const std::array<uint64_t, function::kSwapResults>& swaps,
                      observe::FunctionMetrics* metrics) {
  using function::GenerationState;
  std::array<uint64_t, function::kGenerationStates> counts{};
  for (const auto& generation : generations) {
    ++counts[static_cast<size_t>(generation.state)];
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    metrics->generations[function::Name(static_cast<GenerationState>(i))] = counts[i];
  }
  for (size_t i = 0; i < swaps.size(); ++i) {
    metrics->swaps[function::Name(static_cast<function::SwapResult>(i))] = swaps[i];
  }
}

observe::FunctionTotals TotalsOf(const FunctionRunner& runner) {
  observe::FunctionTotals totals;
  for (int lane = 0; lane < runner.spec().lanes; ++lane) totals.Add(runner.counters(lane));
  return totals;
}

}  // namespace

http::FunctionStatus StatusOf(const std::string& name, const HostedFunction& function) {
  http::FunctionStatus view;
  view.name = name;
  view.state = function.probed ? http::FunctionState::kStarting : http::FunctionState::kRefused;
  view.reason = function.reason;
  view.library = function.spec.library;
  view.group = function.spec.group;
  view.delivery = function.spec.delivery;
  view.lanes = function.spec.lanes;
  for (const KafkaTrigger& trigger : function.spec.triggers) {
    view.topics.insert(view.topics.end(), trigger.topics.begin(), trigger.topics.end());
  }
  for (const function::GenerationRecord& generation : function.generations.Records()) {
    view.generations.push_back(HistoryOf(generation));
  }
  if (!function.runner) return view;
  view.delivery = function.runner->delivery();
  const RunReport report = function.runner->Report();
  view.state = StateOf(report.state);
  view.isolation = function.runner->isolation();
  view.pid = report.pid;
  view.restarts = report.restarts;
  if (!report.reason.empty()) view.reason = report.reason;
  for (const std::string& problem : report.problems) {
    view.reason += (view.reason.empty() ? "" : "; ") + problem;
  }
  if (report.in_use) {
    view.generation = http::GenerationStatus{.number = static_cast<uint64_t>(report.in_use->number),
                                             .hash = report.in_use->hash12};
  }
  for (const function::GenerationRecord& generation : report.generations) {
    view.generations.push_back(HistoryOf(generation));
  }
  for (const RunReport::Task& task : report.tasks) {
    view.tasks.push_back(TaskOf(task));
    if (!task.status.retry) continue;
    const lane::RetryStatus& retry = *task.status.retry;
    view.retries.push_back({.topic = retry.topic,
                            .partition = task.status.partition,
                            .offset = retry.offset,
                            .attempts = retry.attempts,
                            .next_try_in_ms = retry.next_try_in_ms,
                            .reason = retry.reason});
  }
  view.totals = TotalsOf(*function.runner);
  return view;
}

std::vector<std::string> ReasonsAgainst(const std::string& name, const HostedFunction& function) {
  const std::string who = "function " + name;
  std::vector<std::string> reasons;
  if (!function.reason.empty()) reasons.push_back(who + ": " + function.reason);
  if (!function.runner) return reasons;
  const RunReport report = function.runner->Report();
  const bool runs = report.state == RunState::kRunning;
  if (!runs || !report.reason.empty()) {
    reasons.push_back(who + " is " + http::Name(StateOf(report.state)) +
                      (report.reason.empty() ? "" : ": " + report.reason));
  }
  for (const std::string& problem : report.problems) reasons.push_back(who + ": " + problem);
  for (const RunReport::Task& task : report.tasks) {
    const std::string which = who + " task " + std::to_string(task.status.partition);
    if (task.status.retry) {
      const lane::RetryStatus& retry = *task.status.retry;
      reasons.push_back(which + " retries " +
                        Coordinates(retry.topic, task.status.partition, retry.offset) + ", " +
                        std::to_string(retry.attempts) + " attempts: " + retry.reason);
    } else if (!task.status.reason.empty()) {
      reasons.push_back(which + " is " + std::string(lane::TaskPhaseName(task.status.phase)) +
                        ": " + task.status.reason);
    }
  }
  return reasons;
}

observe::FunctionMetrics MetricsOf(const std::string& name, const HostedFunction& function,
                                   int64_t now_unix_ms) {
  observe::FunctionMetrics metrics;
  metrics.function = name;
  if (!function.runner) {
    CountGenerations(function.generations.Records(), function.generations.swaps(), &metrics);
    return metrics;
  }
  const RunReport report = function.runner->Report();
  if (report.state == RunState::kRunning) metrics.state = observe::RunState::kRunning;
  if (report.in_use) metrics.generation = static_cast<uint64_t>(report.in_use->number);
  CountGenerations(report.generations, report.swaps, &metrics);
  metrics.late_handlers = report.late_handlers;
  metrics.restarts = report.restarts;
  metrics.totals = TotalsOf(*function.runner);
  bool all_known = !report.tasks.empty();
  int64_t oldest_ms = 0;
  for (const RunReport::Task& task : report.tasks) {
    all_known = all_known && !task.status.topics.empty();
    for (const lane::TopicProgress& topic : task.status.topics) {
      all_known = all_known && topic.lag.has_value();
      if (!topic.lag) continue;
      metrics.lag.push_back({topic.topic, task.status.partition, *topic.lag});
      if (*topic.lag == 0) continue;
      all_known = all_known && task.status.oldest_pending_ms.has_value();
      if (!task.status.oldest_pending_ms) continue;
      oldest_ms = std::max(oldest_ms, now_unix_ms - *task.status.oldest_pending_ms);
    }
  }
  if (all_known) metrics.lag_seconds = static_cast<double>(oldest_ms) / 1000.0;
  return metrics;
}

}  // namespace millrace::app
