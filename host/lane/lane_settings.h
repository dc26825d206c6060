// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commit/commit_store.h"
#include "commit/group_offsets.h"
#include "commit/transactions.h"
#include "effects/output_sink.h"
#include "ingest/record_source.h"
#include "ingest/task_input.h"
#include "invoke/in_flight.h"
#include "invoke/verdict.h"
#include "model/crash.h"
#include "model/function_spec.h"
#include "model/state_versions.h"
#include "observe/lane_counters.h"
#include "state/state_reader.h"

namespace millrace::lane {

// What a lane needs to know of its function. Fixed for the life of the lane.
struct LaneSettings {
  std::string function;
  std::string group;
  std::string owner;  // transactional id: mr.<namespace>.<function>.<host id>.<lane slot>
  Delivery delivery = Delivery::kAtLeastOnce;
  LossPolicies policies = {};
  std::vector<std::string> outputs;  // topics, in the order of the library's outputs
  StateVersions versions = {};       // of the library
  BatchLimits batch;
  Millis commit_interval{100};
  size_t commit_max_effects = 500;
  size_t commit_max_bytes = 256 * 1024;
  // A record that has ended the process so often is put aside; without a store the function stops.
  int max_crashes = 3;
  // A value's cell in the store is written at most once in it, if it can be avoided; what comes
  // between goes through the redo of the task, which is bounded.
  Millis state_write_interval{1'000};
  size_t redo_bytes_max = 8 * 1024 * 1024;  // per task
  size_t cache_bytes = 64 * 1024 * 1024;
  size_t output_bytes_max = 32 * 1024 * 1024;  // not yet acknowledged; above it no event runs
  // How long a superseded owner waits before it acquires again, if the group still says that the
  // task is its own: session time-out + heartbeat.
  Millis fenced_wait{11'000};
};

// One task that a lane is given.
struct TaskAssignment {
  int32_t partition = 0;
  int partition_count = 0;                 // of the input topics; stored with the state
  std::vector<ingest::InputTopic> topics;  // whose partition this is, in name order
  std::string group_metadata = {};         // of the assignment, for transactions; opaque
  // How the process died that had the task before, if its handler had events of it then. May be
  // told with later assignments again: one that ends before its task has begun counts nothing.
  std::optional<CrashMark> crash = {};
};

// What a lane is told and tells beside its records. Called on the lane's thread.
class LaneObserver {
 public:
  virtual ~LaneObserver() = default;
  // A handler's own log line, with its event's coordinates.
  virtual void HandlerLogged(uint32_t level, std::string_view text, const std::string& at) = 0;
  // An event that was not done, or a task that changed: already in words.
  virtual void EventNotDone(invoke::Outcome outcome, const std::string& message) = 0;
  virtual void TaskChanged(const std::string& message) = 0;
};

// Every port of a lane; all outlive it. `store` and `reader` are null for a function without state,
// which never talks to the store; `transactions` is null unless delivery is exactly once.
struct LanePorts {
  ingest::RecordSource* records = nullptr;
  effects::OutputSink* outputs = nullptr;
  commit::GroupOffsets* group = nullptr;
  commit::Transactions* transactions = nullptr;
  commit::CommitStore* store = nullptr;
  state::StateReader* reader = nullptr;
  LaneObserver* observer = nullptr;
  observe::LaneCounters* counters = nullptr;  // this lane is their only writer
  invoke::InFlight* in_flight = nullptr;      // may be null: nobody watches
  const Clock* clock = nullptr;
  std::function<commit::Epoch()> new_epoch;  // 128 random bits as 32 hex digits
};

}  // namespace millrace::lane
