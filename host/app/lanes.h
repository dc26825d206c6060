// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lane/lane.h"
#include "model/handler.h"

namespace millrace::app {

// Why a lane did not take a generation.
struct SwapRefusal {
  int generation = 0;
  std::string reason;
  // It has other states or outputs, which lanes that are made anew may take all the same.
  bool differs = false;

  friend bool operator==(const SwapRefusal&, const SwapRefusal&) = default;
};

// What others see of a lane, a moment old. Generations are told by their numbers; 0: none.
struct LaneReport {
  std::vector<lane::TaskStatus> tasks;
  std::vector<lane::ReleasedTask> released;     // since the last report that was taken
  std::optional<lane::StopReason> stop_reason;  // an event or the state needs somebody's decision
  int stopped_by = 0;                           // that ran when that came up
  std::optional<std::string> failure;           // the lane cannot run at all
  std::optional<std::string> problem;           // of the store; passes by itself
  std::optional<SwapRefusal> swap_refusal;      // of the last generation that was to be taken
  int generation = 0;                           // that runs, or could not be started
  uint64_t calls = 0;                           // of that generation in this lane
  uint64_t errors = 0;                          // calls that came to neither done nor drop
  bool idle = false;                            // owns no task, and every command is done
};

// The lanes of one function, wherever they run. Every call only passes on a message. Used by the
// function's control thread. The destructor ends them at once: drain them first.
class Lanes {
 public:
  virtual ~Lanes() = default;
  virtual void Assign(int lane, lane::TaskAssignment task) = 0;
  virtual void Revoke(int lane, int32_t partition) = 0;
  virtual void Abandon(int lane, int32_t partition) = 0;
  virtual void Swap(std::shared_ptr<const Generation> generation) = 0;
  // One per lane; hands `released` over, once.
  virtual std::vector<LaneReport> TakeReports() = 0;
  // Whether a task was ever assigned: until then no lane needs to be there.
  virtual bool started() const = 0;
};

}  // namespace millrace::app
