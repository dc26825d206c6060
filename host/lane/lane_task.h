// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "commit/commit_chain.h"
#include "commit/published_note.h"
#include "commit/transactions.h"
#include "effects/output_sink.h"
#include "ingest/task_input.h"
#include "invoke/invoker.h"
#include "lane/handler_state.h"
#include "lane/lane_settings.h"
#include "lane/lane_status.h"
#include "lane/task_start.h"
#include "state/task_state.h"

namespace millrace::lane {

using Unit = commit::Unit<effects::OutputTicket>;
using Chain = commit::CommitChain<effects::OutputTicket>;

// What the tasks of one lane share.
struct LaneShared {
  LaneSettings settings;
  LanePorts ports;
  std::unique_ptr<state::Cache> cache;
  std::vector<state::StateDecl> states;
  std::vector<std::string> state_names;  // of `states`
  std::unique_ptr<invoke::Invoker> invoker;
  std::vector<std::unique_ptr<Unit>> graves;  // abandoned units with outputs on their way
  uint64_t next_request = 1;
  std::set<int32_t> in_transaction;  // tasks with publications in the one under way
  size_t unpublished_bytes = 0;      // of all tasks, as of the last step

  bool exactly_once() const { return ports.transactions != nullptr; }
};

// One task on its lane: from the start of ownership to its release. Reads like the life of a
// record: Fill (ingest, prefetch), Run (invoke, effects), Commit. A step function: never blocks,
// owns no thread, hears of every completion through a call.
class LaneTask {
 public:
  LaneTask(LaneShared* lane, TaskAssignment task);
  ~LaneTask();
  LaneTask(const LaneTask&) = delete;
  LaneTask& operator=(const LaneTask&) = delete;

  // Does what can be done now; true if anything was.
  bool Step(SteadyTime now);
  // When Step is due again, if nothing else happens before.
  SteadyTime NextDue(SteadyTime now) const;

  void Drain();  // finish what is under way, then kReleased
  // What was acquired may be gone: begins anew from what the store has applied.
  void Reacquire(SteadyTime now, const std::string& reason);

  void OnAcquired(const commit::AcquireReply& reply);
  void OnLookup(const commit::StartReply& reply);
  void OnCommit(const commit::CommitReply& reply, SteadyTime now);
  // True if the read was this task's.
  bool OnRead(const state::ReadReply& reply, SteadyTime now);
  void OnFence(const commit::FenceReply& reply) { start_.OnFence(reply); }

  // Publishing after the commit (exactly once).
  bool publishable() const;  // something is applied, not published and in no transaction
  bool draining() const { return phase_ == TaskPhase::kDraining; }
  size_t unpublished_bytes() const;
  const std::string& group_metadata() const { return task_.group_metadata; }
  uint64_t ownership() const;  // 0: none
  void TakePublications(size_t bytes_max, commit::TransactionRequest* request);
  void OnPublished();
  void OnPublishAborted();
  void OnPublishUnknown(SteadyTime now, const std::string& detail);
  void OnPublishFenced(SteadyTime now, const std::string& detail);
  void OnPublishRefused(const std::string& detail);

  int32_t partition() const { return task_.partition; }
  TaskPhase phase() const { return phase_; }
  StopReason stop_reason() const {  // of kStopped
    return {has_started_ ? StopReason::Kind::kEvent : StopReason::Kind::kRefused, reason_};
  }
  const Offsets& applied() const { return applied_; }
  // What the group is told beside an offset of a topic (by index) while the task is owned.
  commit::PublishedNote note(size_t topic, int64_t offset) const;
  // What is published of a topic (by index) when events below `applied` are applied.
  int64_t AtLeastPublished(size_t topic, int64_t applied) const;
  // What the group is told when the task is released; empty: nothing can be said.
  std::vector<PartitionOffset> FinalOffsets() const;
  bool retrying() const;
  bool has_applied() const { return has_applied_; }
  TaskStatus Describe(SteadyTime now) const;

 private:
  // Everything that one ownership made; gone with it.
  struct Ownership;

  void StepStart(SteadyTime now);
  void BeginOwnership(const StartedTask& started, SteadyTime now);
  void EndOwnership();
  void CountRecovery(const RecoveryStatus& recovery);
  void Wait(SteadyTime now, Millis wait, const std::string& reason);
  void WaitLonger(SteadyTime now, const std::string& reason);
  void Superseded(SteadyTime now);
  void Stop(const std::string& reason);
  void Refused(const std::string& reason);  // an output, by its topic, for good

  bool Fill(SteadyTime now);
  void Push();
  void Prefetch(PreparedBatch* batch);
  bool MayRun(SteadyTime now) const;
  bool Run(SteadyTime now);
  size_t CallMax(const PreparedBatch& batch);
  size_t Call(PreparedBatch* batch, size_t events_max);
  void PassOver(PreparedBatch* batch, SteadyTime now);
  void PutAside(const ingest::InputEvent& event, const CrashCount& crash, SteadyTime now);
  void LiesAside(const commit::AsideEntry& entry);
  std::optional<CrashCount> CrashAbove(size_t topic, int64_t offset) const;
  bool Settle(PreparedBatch* batch, size_t count, SteadyTime now);
  void Count(const invoke::Verdict& verdict);
  Status Keep(PreparedBatch* batch, uint32_t event, SteadyTime now);
  void MarkSeen(const ingest::InputEvent& event, uint32_t index);
  void MarkSeen(const ingest::InputEvent& event, std::span<const HeaderView> headers);
  bool UnitIsFull() const;
  Status Publish(const ingest::InputEvent& event, uint32_t index);
  Status Emit(const ingest::InputEvent& event, const effects::Emitted& emitted);
  Status TakeOverOutbox(const StartedTask& started);
  Status Republish(const commit::Publication& entry);
  void Retry(const ingest::InputEvent& event, const std::string& reason, SteadyTime now);
  void Bisect(size_t count, SteadyTime now);
  void FinishBatch(PreparedBatch* batch, SteadyTime now);
  bool Commit(SteadyTime now);
  bool MayFlush() const;
  SteadyTime FlushDue() const;
  void FlushAll(SteadyTime now);
  void CloseUnit(SteadyTime now);
  Status TakeOverRedo(const StartedTask& started, SteadyTime now);
  void Applied(uint64_t seq);
  std::string At(const ingest::InputEvent& event) const;

  LaneShared* lane_;
  TaskAssignment task_;
  TaskPhase phase_ = TaskPhase::kStarting;
  bool draining_ = false;
  std::string reason_;
  bool start_begun_ = false;
  bool has_started_ = false;  // the present attempt to own the task got as far as its input
  TaskStart start_;
  SteadyTime wait_until_{};
  Millis next_wait_;
  Offsets applied_;
  bool has_applied_ = false;
  uint64_t applied_seq_ = 0;
  std::vector<int64_t> published_;  // per topic, before this ownership; empty: not above applied
  bool released_clean_ = false;     // with everything applied also published
  std::vector<TopicCrash> noted_;   // kept beside the group's offsets: a function without a store
  std::vector<AsideName> aside_;    // as TaskStatus has it
  uint64_t aside_count_ = 0;
  std::unique_ptr<Ownership> own_;
};

}  // namespace millrace::lane
