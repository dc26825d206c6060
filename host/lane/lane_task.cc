// SPDX-License-Identifier: Apache-2.0
#include "lane/lane_task.h"

#include <algorithm>

#include "lane/ownership.h"

namespace millrace::lane {
namespace {

constexpr Millis kWaitMin{100};
constexpr Millis kWaitMax{2'000};

}  // namespace

std::string_view TaskPhaseName(TaskPhase phase) {
  switch (phase) {
    case TaskPhase::kStarting:
      return "starting";
    case TaskPhase::kRunning:
      return "running";
    case TaskPhase::kWaiting:
      return "waiting";
    case TaskPhase::kDraining:
      return "draining";
    case TaskPhase::kReleased:
      return "released";
    case TaskPhase::kStopped:
      return "stopped";
  }
  return "stopped";
}

LaneTask::LaneTask(LaneShared* lane, TaskAssignment task)
    : lane_(lane),
      task_(std::move(task)),
      start_(&lane->settings, &lane->ports, &task_),
      next_wait_(kWaitMin) {
  // It comes from what a dying process has left: it may be anything.
  const auto is_ours = [this](const CrashMark& mark) {
    return std::any_of(task_.topics.begin(), task_.topics.end(),
                       [&](const auto& topic) { return topic.topic == mark.topic; });
  };
  if (task_.crash && !(IsSound(*task_.crash) && is_ours(*task_.crash))) task_.crash.reset();
}

LaneTask::~LaneTask() { EndOwnership(); }

bool LaneTask::Step(SteadyTime now) {
  switch (phase_) {
    case TaskPhase::kWaiting:
      if (now < wait_until_) return false;
      // What this lane has under way for the task must have ended before `published` is read.
      if (lane_->in_transaction.contains(task_.partition)) return false;
      phase_ = TaskPhase::kStarting;
      start_begun_ = false;
      [[fallthrough]];
    case TaskPhase::kStarting:
      StepStart(now);
      return phase_ == TaskPhase::kRunning;
    case TaskPhase::kRunning: {
      bool busy = Fill(now);
      busy = Run(now) || busy;
      return Commit(now) || busy;
    }
    case TaskPhase::kDraining: {
      if (own_) FlushAll(now);
      const bool busy = own_ && Commit(now);
      // What an output topic refuses is never published by us.
      if (!own_ || (own_->chain.idle() && (own_->publishing.empty() || own_->refused))) {
        released_clean_ = own_ && own_->publishing.empty();
        EndOwnership();
        phase_ = TaskPhase::kReleased;
        return true;
      }
      return busy;
    }
    case TaskPhase::kReleased:
      return false;
    case TaskPhase::kStopped:
      return own_ && Commit(now);  // what came before the stop is still committed
  }
  return false;
}

SteadyTime LaneTask::NextDue(SteadyTime now) const {
  if (phase_ == TaskPhase::kWaiting) return wait_until_;
  if (phase_ == TaskPhase::kStarting) return std::max(now, start_.NextDue());
  if (!own_) return SteadyTime::max();
  SteadyTime due = SteadyTime::max();
  if (own_->chain.has_progress()) {
    due = own_->chain.open().opened + lane_->settings.commit_interval;
  }
  if (MayFlush()) due = std::min(due, FlushDue());
  // What is overdue waits for something else, which will be a signal.
  if (own_->retry && now < own_->retry->next_try) due = std::min(due, own_->retry->next_try);
  if (own_->fill_by && now < *own_->fill_by) due = std::min(due, *own_->fill_by);
  return std::max(due, now);
}

void LaneTask::StepStart(SteadyTime now) {
  if (!start_begun_) {
    if (lane_->in_transaction.contains(task_.partition)) return;  // see kWaiting
    start_begun_ = true;
    has_started_ = false;
    start_.Begin(&lane_->next_request);
  }
  start_.Step(now);
  const auto outcome = start_.outcome();
  if (!outcome) return;
  start_.End();
  if (*outcome) {
    BeginOwnership(**outcome, now);
  } else if (outcome->error().error_class == ErrorClass::kRetriable) {
    WaitLonger(now, outcome->error().message);
  } else {
    Stop(outcome->error().message);
  }
}

void LaneTask::BeginOwnership(const StartedTask& started, SteadyTime now) {
  own_ = std::make_unique<Ownership>(lane_, &task_, started);
  own_->number = lane_->next_request++;
  applied_seq_ = own_->chain.applied_seq();
  aside_ = started.aside;
  aside_count_ = started.aside_count;
  if (!lane_->ports.store) noted_ = started.crashes;
  if (task_.crash && task_.crash->together == 1) task_.crash.reset();  // it is counted
  if (const Status taken = TakeOverRedo(started, now); !taken) {
    EndOwnership();
    return Stop(taken.error().message);
  }
  if (started.recovery) {
    CountRecovery(*started.recovery);
    lane_->ports.observer->TaskChanged("task " + std::to_string(task_.partition) + ": " +
                                       started.recovery->text);
  }
  if (!started.store_from) {
    applied_ = started.from;
    has_applied_ = true;
  }
  phase_ = TaskPhase::kRunning;
  has_started_ = true;
  reason_.clear();
  if (Status taken = TakeOverOutbox(started); !taken) return Stop(taken.error().message);
  if (!started.store_from) return;
  // The first owner stores where the task begins, so that `latest` is resolved once.
  for (size_t i = 0; i < started.from.size(); ++i) {
    own_->chain.Advance(i, started.from[i].offset, now);
  }
  CloseUnit(now);
}

void LaneTask::EndOwnership() {
  if (!own_) return;
  own_->chain.Abandon(&lane_->graves);
  own_.reset();
}

void LaneTask::Wait(SteadyTime now, Millis wait, const std::string& reason) {
  EndOwnership();
  if (phase_ == TaskPhase::kStopped) return;  // nobody's doubt about a commit undoes that
  if (draining_) {
    phase_ = TaskPhase::kReleased;
    return;
  }
  if (reason != reason_) {
    lane_->ports.observer->TaskChanged("task " + std::to_string(task_.partition) +
                                       " waits: " + reason);
  }
  reason_ = reason;
  phase_ = TaskPhase::kWaiting;
  wait_until_ = now + wait;
}

void LaneTask::WaitLonger(SteadyTime now, const std::string& reason) {
  Wait(now, next_wait_, reason);
  next_wait_ = std::min(next_wait_ * 2, kWaitMax);
}

void LaneTask::Stop(const std::string& reason) {
  if (phase_ == TaskPhase::kStopped) return;
  phase_ = TaskPhase::kStopped;
  reason_ = reason;
  lane_->ports.observer->TaskChanged("task " + std::to_string(task_.partition) +
                                     " stopped: " + reason);
}

void LaneTask::Refused(const std::string& reason) {
  if (!draining_) return Stop(reason);
  EndOwnership();  // it can never be committed; the next owner meets it again
  phase_ = TaskPhase::kReleased;
}

void LaneTask::Drain() {
  draining_ = true;
  if (!own_) {
    phase_ = TaskPhase::kReleased;
    return;
  }
  own_->EndInput();
  if (own_->chain.has_progress()) CloseUnit(lane_->ports.clock->Now());
  phase_ = TaskPhase::kDraining;
}

void LaneTask::OnAcquired(const commit::AcquireReply& reply) { start_.OnAcquired(reply); }
void LaneTask::OnLookup(const commit::StartReply& reply) { start_.OnLookup(reply); }

bool LaneTask::OnRead(const state::ReadReply& reply, SteadyTime now) {
  if (!own_) return false;
  for (PreparedBatch& batch : own_->batches) {
    if (!batch.waiting || batch.read != reply.id) continue;
    if (!reply.status) {
      WaitLonger(now, reply.status.error().message);
      return true;
    }
    if (reply.epoch != Slice(own_->chain.epoch())) {
      Superseded(now);
      return true;
    }
    batch.waiting = false;
    own_->state->Load(batch.plan.entries, reply);
    batch.plan.Clear();
    return true;
  }
  return false;
}

// State that was read is not what this ownership left: nothing may be computed from it.
void LaneTask::Superseded(SteadyTime now) {
  Wait(now, lane_->settings.fenced_wait, "another owner has the task, or the store was emptied");
}

void LaneTask::OnCommit(const commit::CommitReply& reply, SteadyTime now) {
  observe::LaneCounters& counters = *lane_->ports.counters;
  using Label = observe::CommitLabel;
  if (!own_ || reply.epoch != own_->chain.epoch()) return;  // of a former ownership
  const std::string unit =
      "commit " + std::to_string(reply.seq) + " of task " + std::to_string(task_.partition) + ": ";
  switch (reply.result) {
    case commit::CommitResult::kApplied:
      counters.commits_of(Label::kApplied).Add();
      next_wait_ = kWaitMin;
      Applied(reply.seq);
      return;
    case commit::CommitResult::kFenced:
      counters.commits_of(Label::kFenced).Add();
      Wait(now, lane_->settings.fenced_wait, unit + "fenced: another owner has the task");
      return;
    case commit::CommitResult::kDiverged:
      counters.commits_of(Label::kDiverged).Add();
      WaitLonger(now, unit + "diverged: the store has another seq; reading it again");
      return;
    case commit::CommitResult::kUnavailable:
      counters.commits_of(Label::kUnavailable).Add();
      WaitLonger(now, unit + "the store did not answer: " + reply.detail);
      return;
    case commit::CommitResult::kRejected:
      counters.commits_of(Label::kRejected).Add();
      WaitLonger(now, unit + "the store refused it: " + reply.detail);
      return;
  }
}

void LaneTask::Applied(uint64_t seq) {
  const Unit& unit = own_->chain.Applied(seq);
  if (unit.publication) own_->publishing.Push(unit.publication);
  applied_ = unit.applied;
  applied_seq_ = seq;
  has_applied_ = true;
  lane_->ports.counters->commit_effects.Add(unit.effects);
  if (own_->state) own_->state->Acknowledge(seq);
  for (const commit::AsideEntry& entry : unit.aside) LiesAside(entry);
}

void LaneTask::Reacquire(SteadyTime now, const std::string& reason) {
  if (phase_ == TaskPhase::kStarting) start_begun_ = false;
  if (own_ && phase_ != TaskPhase::kStopped) Wait(now, Millis(0), reason);
}

void LaneTask::CountRecovery(const RecoveryStatus& recovery) {
  observe::LaneCounters& counters = *lane_->ports.counters;
  counters.recoveries[static_cast<size_t>(recovery.kind)].Add();
  counters.events_rerun.Add(static_cast<uint64_t>(std::max<int64_t>(0, recovery.events_rerun)));
  counters.offsets_skipped.Add(static_cast<uint64_t>(recovery.offsets_skipped));
}

bool LaneTask::retrying() const { return own_ && own_->retry; }

TaskStatus LaneTask::Describe(SteadyTime now) const {
  TaskStatus status;
  status.partition = task_.partition;
  status.phase = phase_;
  status.reason = reason_;
  for (size_t i = 0; has_applied_ && i < applied_.size(); ++i) {
    TopicProgress progress{.topic = applied_[i].topic, .applied = applied_[i].offset, .lag = {}};
    if (own_ && own_->input) {
      if (const auto end = own_->input->end_offset(i)) {
        progress.lag = std::max<int64_t>(0, *end - progress.applied);
      }
    }
    status.topics.push_back(std::move(progress));
  }
  status.aside = aside_;
  status.aside_count = aside_count_;
  if (!own_) return status;
  status.epoch = own_->chain.epoch();
  status.recovery = own_->recovery;
  if (own_->retry) {
    const auto left = std::chrono::duration_cast<Millis>(own_->retry->next_try - now).count();
    status.retry = RetryStatus{.topic = task_.topics[own_->retry->topic].topic,
                               .offset = own_->retry->offset,
                               .attempts = own_->retry->attempts,
                               .next_try_in_ms = std::max<int64_t>(0, left),
                               .reason = own_->retry->reason};
  }
  if (!own_->batches.empty()) {
    const PreparedBatch& front = own_->batches.front();
    if (front.next < front.input.events.size()) {
      status.oldest_pending_ms = front.input.events[front.next].record->timestamp_ms;
    }
  }
  return status;
}

std::string LaneTask::At(const ingest::InputEvent& event) const {
  return Coordinates(task_.topics[event.topic].topic, task_.partition, event.record->offset);
}

}  // namespace millrace::lane
