// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/aside.h"
#include "model/task.h"
#include "observe/lane_counters.h"

namespace millrace::lane {

enum class TaskPhase {
  kStarting,  // acquiring, looking up where to begin
  kRunning,
  kWaiting,   // a dependency is away, or another owner superseded this one; tries again by itself
  kDraining,  // told to give the task up; finishes what is under way
  kReleased,
  kStopped,  // an event or the state needs somebody's decision
};

// Why a whole function must stop.
struct StopReason {
  enum class Kind {
    kRefused,  // its stored progress and the group's cannot both be right
    kEvent,    // an event that the handler gave up, or an output that its topic refuses
  };
  Kind kind = Kind::kEvent;
  std::string text;

  friend bool operator==(const StopReason&, const StopReason&) = default;
};

std::string_view TaskPhaseName(TaskPhase phase);

// What was missing when the task's present ownership began, and what was done about it.
struct RecoveryStatus {
  using Kind = observe::RecoveryLabel;
  Kind kind = Kind::kWentBack;  // the first of them
  std::string text;             // with the numbers
  int64_t events_rerun = 0;     // offsets between `applied` and what was published
  int64_t offsets_skipped = 0;  // no longer retained
  uint64_t outputs_suppressed = 0;

  friend bool operator==(const RecoveryStatus&, const RecoveryStatus&) = default;
};

struct TopicProgress {
  std::string topic;
  int64_t applied = 0;
  std::optional<int64_t> lag;  // records; absent while unknown
};

struct RetryStatus {
  std::string topic;
  int64_t offset = 0;
  uint32_t attempts = 0;
  int64_t next_try_in_ms = 0;
  std::string reason;
};

struct TaskStatus {
  int32_t partition = 0;
  TaskPhase phase = TaskPhase::kStarting;
  std::string reason;  // of kWaiting and kStopped
  std::string epoch;   // empty without state, and while there is no ownership
  std::vector<TopicProgress> topics;
  std::optional<RetryStatus> retry;
  std::optional<RecoveryStatus> recovery;  // of the present ownership; absent: nothing was missing
  std::optional<int64_t> oldest_pending_ms;  // event time of the next event, if one waits
  std::vector<AsideName> aside;  // in order; none if there are more than commit::kAsideListedMax
  uint64_t aside_count = 0;      // records put aside, by any owner; as known here
};

}  // namespace millrace::lane
