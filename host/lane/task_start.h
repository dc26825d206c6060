// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "lane/lane_settings.h"
#include "lane/recovery.h"

namespace millrace::lane {

// Start of ownership: acquire the task in the store, end what a former owner may have open, look up
// what is published, and decide where to begin (Recover).
//
// Only who surely is the task's owner in the group may acquire it: an owner that was stopped and
// goes on would take the store away from the rightful one, whose outputs may be on their way. That
// is certain if the group cannot have moved on until the acquire was answered.
//
// Exactly once, what is published counts only once no transaction of a former owner can change it.
// One that has this task's offsets in it is waited for by the look-up; one that has not can get
// them no more, because the group has moved on since; and what our own id may have left is ended
// before our first transaction. So that the look-up does not wait for a dead owner's time-out, nor
// readers of its outputs, a former owner that has not released the task is fenced by its
// transactional id: as soon as the look-up tells that, or has waited for kUnstableMax.
//
// A crash that is told with the assignment is counted before any event is run: by the acquire, or,
// without a store, in the note beside the group's unchanged offset, which is read again until it is
// there.
class TaskStart {
 public:
  TaskStart(const LaneSettings* settings, const LanePorts* ports, const TaskAssignment* task)
      : settings_(settings), ports_(ports), task_(task) {}

  // `next_request` numbers the questions of a lane. Nothing of this task may be in a transaction.
  void Begin(uint64_t* next_request);
  void Step(SteadyTime now);
  void OnAcquired(const commit::AcquireReply& reply);
  void OnLookup(const commit::StartReply& reply);
  void OnFence(const commit::FenceReply& reply);

  // The outcome, once there is one. kRetriable: begin again later; kFatal: refuse the function.
  std::optional<Result<StartedTask>> outcome() const;
  // The outcome is taken; what was read for it, which may be large, is given back.
  void End() {
    acquired_.reset();
    points_.reset();
  }
  SteadyTime NextDue() const { return fence_at_.value_or(SteadyTime::max()); }

 private:
  bool transactional() const { return ports_->transactions != nullptr; }
  bool IsMember() const;
  void LookUp();
  std::optional<CrashMark> CrashToCount() const;  // one that is charged to an event
  void NoteCrash();
  void Fence(std::string owner);
  std::string OwnerToFence() const;
  Result<StartedTask> Decide() const;

  const LaneSettings* settings_;
  const LanePorts* ports_;
  const TaskAssignment* task_;
  uint64_t* next_request_ = nullptr;
  commit::Epoch epoch_;
  std::optional<Result<commit::Acquired>> acquired_;
  uint64_t lookup_ = 0;  // the request that is waited for; 0: none
  std::optional<Result<std::vector<commit::StartingPoint>>> points_;
  bool crash_sent_ = false;             // in this attempt, to the group
  std::optional<SteadyTime> fence_at_;  // when a look-up has waited long enough
  uint64_t fence_ = 0;                  // the newest request
  // By us, under this assignment: it can commit nothing for the task any more. Without this two
  // hosts that each find the other's note would fence each other for ever.
  std::string fenced_owner_;
  // Who acquired before us and may have a transaction open; kept over attempts, because the next
  // acquire finds ourselves.
  std::string former_owner_;
};

}  // namespace millrace::lane
