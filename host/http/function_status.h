// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/function_spec.h"
#include "observe/function_metrics.h"

namespace millrace::http {

// What the API tells about a function, as values that the app fills; docs/http.md has the JSON.

enum class FunctionState { kStarting, kRunning, kStopping, kStopped, kRefused };
const char* Name(FunctionState state);

enum class TaskState { kAcquiring, kRunning, kWaiting, kRetrying, kStopped };
const char* Name(TaskState state);

// Progress in one input topic of a task. What is not known is absent, never 0.
struct TopicProgress {
  std::string topic;
  std::optional<int64_t> applied;  // every event below it is reflected in state
  std::optional<int64_t> lag;      // records: end of the partition minus applied
};

// A record that was put aside: kept whole in the store, and passed over.
struct AsideRecord {
  std::string kind;  // why: crash
  std::string topic;
  int64_t offset = 0;
};

// What was missing when the task's present ownership began, and what was done about it.
struct RecoveryStatus {
  observe::RecoveryLabel kind = observe::RecoveryLabel::kWentBack;
  std::string text;  // with the numbers
  int64_t events_rerun = 0;
  uint64_t outputs_suppressed = 0;
  int64_t offsets_skipped = 0;
};

struct TaskStatus {
  int32_t partition = 0;
  int lane = 0;
  TaskState state = TaskState::kAcquiring;
  std::string reason;  // why it waits or stopped; empty while it runs
  std::vector<TopicProgress> topics;
  std::string epoch;  // hex; empty when the task has none (a stateless function)
  std::optional<RecoveryStatus> recovery = {};  // none: nothing was missing
  std::vector<AsideRecord> aside = {};          // none if there are more than 1,000
  uint64_t aside_count = 0;
};

// An event that waits for its next attempt.
struct RetryStatus {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  uint64_t attempts = 0;
  int64_t next_try_in_ms = 0;
  std::string reason;
};

struct GenerationStatus {
  uint64_t number = 0;  // from 1 per function
  std::string hash;     // first 12 hex digits of the library's SHA-256
};

// One library that came for the function since the host started.
struct GenerationHistory {
  std::optional<uint64_t> number;  // none: refused before it was opened
  std::string hash;                // empty: refused before it was read as a whole
  std::string state;               // admitted, refused, running, draining or retired
  std::string reason;              // why it was refused or rolled back
  int64_t since_ms = 0;            // in this state; since 1970, UTC
};

struct FunctionStatus {
  std::string name;
  FunctionState state = FunctionState::kStarting;
  std::string reason;   // why it does not run; or why a newer library was refused
  std::string library;  // file
  std::optional<GenerationStatus> generation;  // none before the first library has been loaded
  std::vector<GenerationHistory> generations;  // the oldest first
  std::string group;
  Delivery delivery = Delivery::kAtLeastOnce;  // in force: an embedded broker knows no other
  std::vector<std::string> topics;
  int lanes = 0;
  Isolation isolation = Isolation::kProcess;  // in force: dev runs everything inline
  std::optional<int64_t> pid;  // of its process; none inline, and while there is none
  uint64_t restarts = 0;       // of it, after it had ended by itself
  std::vector<TaskStatus> tasks;
  std::vector<RetryStatus> retries;
  observe::FunctionTotals totals;
};

}  // namespace millrace::http
