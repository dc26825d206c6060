// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "lane/lane_settings.h"

namespace millrace::lane {

// Where a task begins, once its start is over.
struct StartedTask {
  commit::Epoch epoch;
  uint64_t seq = 0;
  Offsets from;             // per topic of the task, in order
  bool store_from = false;  // `from` holds a resolved start that the store does not have yet
};

// Start of ownership: acquire the task in the store, look up the group's offsets, and decide where
// to begin. With state that is `applied`, never the group's offset; without, it is the group's
// offset; where there is neither, the resolved `start`. What cannot be explained is refused: no
// `applied` where the group has an offset, or a group offset beyond `applied`.
class TaskStart {
 public:
  TaskStart(const LaneSettings* settings, const LanePorts* ports, const TaskAssignment* task)
      : settings_(settings), ports_(ports), task_(task) {}

  void Begin(uint64_t request);  // both questions are on their way
  void OnAcquired(const commit::AcquireReply& reply);
  void OnLookup(const commit::StartReply& reply);
  // The outcome, once there is one. kRetriable: begin again later; kFatal: refuse the function.
  std::optional<Result<StartedTask>> outcome() const;
  const commit::Epoch& epoch() const { return epoch_; }

 private:
  Result<StartedTask> Decide() const;
  Result<int64_t> DecideTopic(const commit::StartingPoint& point, bool* resolved) const;
  std::optional<int64_t> AppliedOf(const std::string& topic) const;

  const LaneSettings* settings_;
  const LanePorts* ports_;
  const TaskAssignment* task_;
  uint64_t request_ = 0;
  commit::Epoch epoch_;
  std::optional<Result<commit::Acquired>> acquired_;
  std::optional<Result<std::vector<commit::StartingPoint>>> points_;
};

}  // namespace millrace::lane
