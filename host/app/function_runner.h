// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "app/calls_in_flight.h"
#include "app/function_process.h"
#include "app/host_services.h"
#include "app/invocation_queue.h"
#include "app/lanes.h"
#include "app/problem_log.h"
#include "app/restart_wait.h"
#include "app/run_report.h"
#include "app/wake.h"
#include "function/generations.h"
#include "function/library.h"
#include "function/swap_watch.h"
#include "http/invoke.h"
#include "kafka/group_member.h"
#include "kafka/offsets_worker.h"
#include "kafka/topic_watch.h"
#include "membership/membership.h"
#include "model/function_spec.h"
#include "model/handler.h"

namespace millrace::app {

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
  const observe::LaneCounters& counters(int lane) const {
    return calls_.board()->slot(lane).counters;
  }
  // Runs the handler on one event in the function's process; nothing is written. Blocks for as long
  // as the handler runs; see Limits::timeout. isolation() is kProcess.
  http::InvokeResult Invoke(const http::InvokeEvent& event) { return invocations_.Invoke(event); }
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

  // The process of the lanes, and what follows from its end: function_restart.cc.
  void StepProcess();
  void OnProcessEnded();
  void GiveBackDraining();
  void RestartLater(const std::string& why);
  void StepRestart();

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
  std::shared_ptr<const Generation> InUse() const;
  void Publish();
  bool needs_store() const;

  HostServices services_;
  FunctionSpec spec_;
  CallsInFlight calls_;  // its board is shared with the lease of the membership
  Wake wake_;
  InvocationQueue invocations_{&wake_};
  std::atomic<bool> ending_{false};
  std::atomic<bool> stop_asked_{false};
  std::atomic<bool> stopped_{false};

  mutable std::mutex mutex_;
  std::shared_ptr<const function::CheckedCopy> newest_;  // guarded by mutex_; taken by the thread
  RunReport report_;                                     // guarded by mutex_
  function::Generations generations_;                    // guarded by mutex_
  std::optional<int> rollback_to_;                       // guarded by mutex_; taken by the thread
  std::shared_ptr<kafka::TopicWatch> watch_;             // set under mutex_

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
  FunctionProcess process_;           // has the lanes, unless they are threads of this one
  std::unique_ptr<Lanes> threads_;    // the lanes then
  Lanes* lanes_ = nullptr;            // of either; null: not in the group, or the process has ended
  std::vector<int32_t> given_back_;   // asked back while there were no lanes
  std::set<std::string> in_process_;  // libraries that the present process has opened
  std::map<int32_t, std::string> assigned_;  // by partition: the group's metadata, as told last
  bool works_ = false;  // the present lanes, as far as they have anything to do
  RestartWait restart_wait_;
  bool ended_itself_ = false;  // the former process
  uint64_t restarts_ = 0;
  std::string crash_problem_;  // until a task works again
  std::vector<LaneReport> lane_reports_;
  bool leaving_ = false;
  std::thread thread_;
};

}  // namespace millrace::app
