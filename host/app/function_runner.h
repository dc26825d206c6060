// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "app/lane_board.h"
#include "app/lane_limits.h"
#include "app/lane_process.h"
#include "app/lane_store.h"
#include "app/lane_threads.h"
#include "app/problem_log.h"
#include "app/wake.h"
#include "function/generations.h"
#include "function/library.h"
#include "function/loaded_libraries.h"
#include "function/swap_watch.h"
#include "http/invoke.h"
#include "kafka/client_options.h"
#include "kafka/group_member.h"
#include "kafka/offsets_worker.h"
#include "kafka/topic_watch.h"
#include "membership/membership.h"
#include "model/function_spec.h"
#include "model/handler.h"

namespace millrace::app {

// How functions get processes of their own.
struct LaneProcesses {
  std::vector<std::string> command;  // of RunLanes
  std::string redis_url;
  LaneLimits* limits = nullptr;
};

// What every function of a host shares. Outlives them.
struct HostServices {
  HostSettings settings;
  std::optional<LaneProcesses> processes =
      std::nullopt;                                // absent: every function runs in this process
  function::LoadedLibraries* libraries = nullptr;  // of this process
  // Where functions of this process note what is in flight, for the process that comes after a
  // crash; empty: nowhere.
  std::string in_flight_dir = {};
  StoreFactory store;
  bool transactions = true;  // false: the broker does not keep them
  Logger* log = nullptr;
  const Clock* clock = nullptr;
};

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

// One function of this host, from its library to its group: the control thread that opens
// generations, holds the membership and owns the lanes. Functions share no thread, so one that
// hangs in open() or waits for its broker holds up no other.
class FunctionRunner final : public membership::LaneControl {
 public:
  FunctionRunner(HostServices services, FunctionSpec spec,
                 std::shared_ptr<const function::CheckedCopy> library,
                 function::Generations generations);  // of earlier runners of the function
  ~FunctionRunner() override;                         // ends at once what BeginStop has not drained
  FunctionRunner(const FunctionRunner&) = delete;
  FunctionRunner& operator=(const FunctionRunner&) = delete;

  // Any thread, all of them.
  void Replace(std::shared_ptr<const function::CheckedCopy> library);
  // A library file of the function was refused before it could be loaded.
  void NoteRefusal(const std::string& reason);
  // Runs generation `to` again, or the one that ran before the present one: at the lanes' next
  // batches, or, if the function has stopped or refused to run, from its start. kFatal: there is no
  // such generation here; kRetriable: not at the moment.
  Result<Rollback> RollBack(std::optional<int> to);
  void BeginStop();  // drains, commits, leaves the group
  bool stopped() const { return stopped_; }
  RunReport Report() const;
  function::Generations generations() const;
  const FunctionSpec& spec() const { return spec_; }
  Delivery delivery() const;  // what the broker allows of what the specification asks for
  Isolation isolation() const { return services_.processes ? spec_.isolation : Isolation::kInline; }
  // Of a lane, 0 to spec().lanes - 1.
  const observe::LaneCounters& counters(int lane) const { return board_->slot(lane).counters; }
  // Runs the handler on one event in the function's process; nothing is written. Blocks for as long
  // as the handler runs; see Limits::timeout. isolation() is kProcess.
  http::InvokeResult Invoke(const http::InvokeEvent& event);
  // Partitions of an input or output topic; absent while unknown.
  std::optional<int32_t> PartitionCount(const std::string& topic) const;

  // From the membership, on the control thread.
  void Assign(int lane, membership::GroupTask task) override;
  void Revoke(int lane, int32_t partition) override;
  void Abandon(int lane, int32_t partition) override;

 private:
  static constexpr size_t kLibrariesPerProcess = 64;

  // How lanes come to run another generation.
  enum class SwapKind {
    kAtBatch,  // each at its next batch, if it has the same states and outputs
    kAnew,     // they drain and are made anew
  };

  void Run();
  Status JoinGroup();
  Status StartLanes();
  std::unique_ptr<Lanes> MakeThreads();
  Result<std::unique_ptr<LaneProcess>> MakeProcess();

  // The process of the lanes: function_process.cc.
  void StepProcess();
  void EndLate(SteadyTime now);
  void OnProcessEnded();
  void MakeCgroup();
  void StepRestart();
  void RestartLater(const std::string& why);
  std::string WhatWasInFlight() const;
  void NoteCrash();
  std::shared_ptr<LaneBoard> MakeBoard();
  void ForgetBoardFile();
  std::optional<std::string> TooLong(SteadyTime now, int32_t* number) const;
  void GiveBackDraining();
  void TakeInvocations();

  // Generations: function_swap.cc.
  void OpenNewest();
  Result<std::shared_ptr<const Generation>> Open(
      const std::shared_ptr<const function::CheckedCopy>& library, int number) const;
  void Refuse(const std::string& hash12, const std::string& reason);
  void RefuseToRun(const std::string& reason);
  Status Start(std::shared_ptr<const Generation> generation);
  void SwapLanes(std::shared_ptr<const Generation> generation, SwapKind kind);
  void StepRebuild();
  void BeginGeneration(std::shared_ptr<const Generation> generation);
  void StepRollback();
  bool GoBack(const function::Generations::Target& target, const std::string& reason,
              function::SwapResult result, SwapKind kind);
  bool GoBackForErrors(const std::string& reason, SwapKind kind);
  void RefuseGeneration(const std::string& reason);
  void OnSwapRefused(const std::string& reason);
  void RestoreFormer(const std::string& reason);
  void RemakeLanes();
  void TakeReports();
  void JudgeLanes();
  void OnStopped(const LaneReport& report);
  void StepSwapWatch();
  void ObserveGenerations();
  int64_t NowMs() const;

  void StepMembership();
  void LeaveGroup();
  void EndLanes();
  void EndGroup();
  std::optional<std::string> LateHandler(int slot) const;
  std::string TopicOf(int slot, const invoke::InFlight::Call& call) const;
  std::string AtCall(int slot, const invoke::InFlight::Call& call) const;
  std::shared_ptr<const Generation> InUse() const;
  void Publish();
  bool needs_store() const;

  HostServices services_;
  FunctionSpec spec_;
  std::vector<std::string> input_topics_;  // in name order
  std::shared_ptr<LaneBoard> board_;       // shared with the lease of the membership
  std::string board_file_;                 // empty: none
  Wake wake_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> stop_asked_{false};
  std::atomic<bool> stopped_{false};

  mutable std::mutex mutex_;
  std::shared_ptr<const function::CheckedCopy> newest_;  // guarded by mutex_; taken by the thread
  RunReport report_;                                     // guarded by mutex_
  function::Generations generations_;                    // guarded by mutex_
  std::optional<int> rollback_to_;                       // guarded by mutex_; taken by the thread
  struct Invocation;
  std::vector<std::shared_ptr<Invocation>> invocations_;  // guarded by mutex_; as those
  bool over_ = false;                                     // guarded by mutex_; the thread ends
  std::shared_ptr<kafka::TopicWatch> watch_;              // set under mutex_

  // The control thread's own.
  ProblemLog problem_log_;
  RunState state_ = RunState::kStarting;
  std::string reason_;
  std::string newer_refusal_;  // why a newer library does not run
  std::shared_ptr<const Generation> generation_;
  std::shared_ptr<const Generation> former_;        // kept open, to go back to
  std::shared_ptr<const Generation> rebuild_with_;  // lanes drain to be made anew with it
  SteadyTime rebuild_by_{};                         // or are ended
  bool proven_ = false;                             // a task has begun to work with generation_
  std::optional<function::SwapWatch> swap_watch_;   // of generation_, while it is new
  std::unique_ptr<kafka::GroupMember> member_;
  std::unique_ptr<kafka::OffsetsWorker> offsets_;
  std::unique_ptr<membership::Membership> membership_;
  std::unique_ptr<Lanes> lanes_;             // null: not in the group, or its process has ended
  std::unique_ptr<process::Cgroup> cgroup_;  // of its processes; null: not wanted, or not to be had
  bool limited_ = false;                     // whether that was looked at
  LaneProcess* process_ = nullptr;           // what lanes_ is, if it is one
  std::vector<int32_t> given_back_;          // asked back while there were no lanes
  std::set<std::string> in_process_;         // libraries that the present process has opened
  std::optional<SteadyTime> kill_at_;        // a process that was told to end and may not have
  std::string killed_for_;
  std::map<int32_t, std::string> assigned_;  // by partition: the group's metadata, as told last
  bool works_ = false;  // the present lanes, as far as they have anything to do
  std::map<int32_t, CrashMark> crash_marks_;  // by partition, until its task has begun anew
  SteadyTime process_since_{};
  SteadyTime restart_at_{};
  int crashes_ = 0;  // one soon after the other
  uint64_t restarts_ = 0;
  std::string crash_problem_;  // until a task works again
  std::vector<LaneReport> lane_reports_;
  bool leaving_ = false;
  std::thread thread_;
};

}  // namespace millrace::app
