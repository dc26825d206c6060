// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/lane_store.h"
#include "app/lane_thread.h"
#include "app/problem_log.h"
#include "app/wake.h"
#include "function/library.h"
#include "kafka/client_options.h"
#include "kafka/group_member.h"
#include "kafka/offsets_worker.h"
#include "kafka/topic_watch.h"
#include "membership/membership.h"
#include "model/function_spec.h"
#include "model/handler.h"

namespace millrace::app {

// What every function of a host shares. Outlives them.
struct HostServices {
  std::string namespace_name;
  std::string host_id;
  kafka::Properties kafka;
  int64_t lane_queue_bytes = 0;
  int64_t lane_output_bytes = 0;
  StoreFactory store;
  bool transactions = true;  // false: the broker does not keep them
  Logger* log = nullptr;
  const Clock* clock = nullptr;
};

enum class RunState {
  kStarting,  // not in its group yet
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
  std::shared_ptr<const Generation> generation;  // that runs, or ran last
  struct Task {
    int lane = 0;
    lane::TaskStatus status;
  };
  std::vector<Task> tasks;
};

// Whether the outputs of the function's document and those that its library declares are the same.
Status CheckOutputs(const FunctionSpec& spec, const std::vector<Use>& uses);
// Whether a function with these uses keeps anything in the store.
bool NeedsStore(const FunctionSpec& spec, const std::vector<Use>& uses);
// Every input topic of the function, in name order.
std::vector<std::string> InputTopics(const FunctionSpec& spec);

// One function of this host, from its library to its group: the control thread that opens
// generations, holds the membership and owns the lanes. Functions share no thread, so one that
// hangs in open() or waits for its broker holds up no other.
class FunctionRunner final : public membership::LaneControl {
 public:
  FunctionRunner(HostServices services, FunctionSpec spec,
                 std::shared_ptr<const function::Library> library, int first_generation);
  ~FunctionRunner() override;  // ends at once what BeginStop has not drained
  FunctionRunner(const FunctionRunner&) = delete;
  FunctionRunner& operator=(const FunctionRunner&) = delete;

  // Any thread, all of them.
  void Replace(std::shared_ptr<const function::Library> library);
  void BeginStop();  // drains, commits, leaves the group
  bool stopped() const { return stopped_; }
  RunReport Report() const;
  int next_generation() const { return next_generation_; }
  const FunctionSpec& spec() const { return spec_; }
  Delivery delivery() const;  // what the broker allows of what the specification asks for
  const std::vector<std::unique_ptr<observe::LaneCounters>>& counters() const { return counters_; }
  // Partitions of an input or output topic; absent while unknown.
  std::optional<int32_t> PartitionCount(const std::string& topic) const;

  // From the membership, on the control thread.
  void Assign(int lane, membership::GroupTask task) override;
  void Revoke(int lane, int32_t partition) override;
  void Abandon(int lane, int32_t partition) override;

 private:
  void Run();
  void OpenNewest();
  void Refuse(const std::string& reason);
  Status JoinGroup();
  void StartLanes();
  LaneThreadOptions LaneOptions(int slot);
  void SwapLanes(std::shared_ptr<const Generation> generation);
  void StepRebuild();
  void RestoreFormer(const std::string& reason);
  void StepLanes();
  void StepMembership();
  void LeaveGroup();
  void EndGroup();
  void Publish();
  bool needs_store() const;

  HostServices services_;
  FunctionSpec spec_;
  std::vector<std::string> input_topics_;                         // in name order
  std::vector<std::unique_ptr<observe::LaneCounters>> counters_;  // by lane slot
  Wake wake_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> stop_asked_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<int> next_generation_;

  mutable std::mutex mutex_;
  std::shared_ptr<const function::Library> newest_;  // guarded by mutex_; taken by the thread
  RunReport report_;                                 // guarded by mutex_
  std::shared_ptr<kafka::TopicWatch> watch_;         // set under mutex_

  // The control thread's own.
  ProblemLog problem_log_;
  RunState state_ = RunState::kStarting;
  std::string reason_;
  std::string newer_refusal_;  // of a library that was not opened, or whose lanes did not start
  std::string swap_refusal_;   // of one that a lane did not take, as the lanes tell now
  std::shared_ptr<const Generation> generation_;
  std::shared_ptr<const Generation> rebuild_with_;       // lanes drain to be made anew with it
  std::shared_ptr<const Generation> former_generation_;  // until a lane runs the one after it
  std::unique_ptr<kafka::GroupMember> member_;
  std::unique_ptr<kafka::OffsetsWorker> offsets_;
  std::unique_ptr<membership::Membership> membership_;
  std::vector<std::unique_ptr<LaneThread>> lanes_;
  std::vector<LaneReport> lane_reports_;
  bool leaving_ = false;
  std::thread thread_;
};

}  // namespace millrace::app
