// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "function/generations.h"
#include "lane/lane.h"
#include "model/handler.h"

namespace millrace::app {

// How a function of this host runs, as others see it: values, a moment old.

enum class RunState {
  kStarting,  // not in its group yet, or its process has not worked since it ended
  kRunning,
  kRefused,   // its library, configuration or state does not allow it to run
  kStopped,   // an event needs somebody's decision
  kStopping,  // drains
};

struct RunReport {
  RunState state = RunState::kStarting;
  std::string reason;  // of kRefused and kStopped; else why a newer library was refused
  std::vector<std::string>
      problems;  // that pass by themselves: broker or store away, topic missing
  std::shared_ptr<const Generation> generation;  // that is meant to run, or ran last
  std::shared_ptr<const Generation> in_use;      // the same, or the former one while a lane has it
  std::vector<function::GenerationRecord> generations;  // the oldest first
  std::array<uint64_t, function::kSwapResults> swaps{};
  size_t late_handlers = 0;    // lanes whose handler is over its time
  std::optional<int64_t> pid;  // of its process; absent inline, and while there is none
  uint64_t restarts = 0;       // of it, after it had ended by itself
  struct Task {
    int lane = 0;
    lane::TaskStatus status;
  };
  std::vector<Task> tasks;
};

// What a rollback was begun with.
struct Rollback {
  int from = 0;  // 0: none ran
  int to = 0;
  std::string hash12;  // of `to`
};

}  // namespace millrace::app
