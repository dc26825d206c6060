// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "lane/lane_settings.h"
#include "lane/lane_status.h"
#include "lane/publisher.h"
#include "model/handler.h"
#include "state/state_reader.h"

namespace millrace::lane {

class LaneTask;
struct LaneShared;

// The states that a library declares, in the order by which the record path names them.
std::vector<state::StateDecl> StatesOf(const Generation& generation);

// A task that its lane has given up, and the offsets to commit for it before the group hears so.
struct ReleasedTask {
  int32_t partition = 0;
  std::vector<PartitionOffset> final_offsets;
  std::string group_metadata = {};  // of the assignment that it came with; empty: it never began
};

// Owns whole tasks and runs their records; see docs/concepts.md. A step function over polled ports:
// it owns no socket, clock or thread and never blocks, but for a handler's on-demand read inside
// the store port. Used by one thread; the ports outlive it.
class Lane {
 public:
  // kFatal: the library refused to start an instance.
  static Result<std::unique_ptr<Lane>> Create(LaneSettings settings, LanePorts ports,
                                              std::shared_ptr<const Generation> generation);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void Assign(TaskAssignment task);  // takes ownership
  // Finishes and commits what is under way, then releases. Always answered by TakeReleased.
  void Revoke(int32_t partition);
  // The task is somebody else's already: ends it at once and commits nothing more, neither to the
  // store nor to the group. Not answered.
  void Abandon(int32_t partition);
  // Runs this generation from the next batch on. kFatal: it refused to start, or declares other
  // states, versions or outputs (the lane must then be made anew); the former one stays.
  Status Swap(std::shared_ptr<const Generation> generation);

  // Does what can be done now, and says when it is due again if no port has news before; `now`
  // means at once.
  SteadyTime Step(SteadyTime now);

  std::vector<ReleasedTask> TakeReleased();
  // Why the whole function must stop, once a task has met what needs somebody's decision.
  std::optional<StopReason> stop_reason() const;
  bool idle() const { return tasks_.empty(); }

  std::vector<TaskStatus> Tasks(SteadyTime now) const;

 private:
  explicit Lane(std::unique_ptr<LaneShared> shared);
  void Poll(SteadyTime now);
  void PollStore(SteadyTime now);
  void CommitGroupOffsets(SteadyTime now);
  void CollectReleased();
  void ForgetGroupOffsets(const LaneTask& task);
  void ShowGauges();

  std::unique_ptr<LaneShared> shared_;
  Publisher::Tasks tasks_;
  Publisher publisher_;  // idle unless delivery is exactly once
  std::vector<ReleasedTask> released_;
  std::map<TopicPartition, int64_t> group_offsets_;  // as last handed to the group
  SteadyTime next_group_commit_{};
  SteadyTime next_full_group_commit_{};
  uint64_t store_connection_ = 0;
};

}  // namespace millrace::lane
