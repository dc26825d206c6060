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
// Exactly once, what is published counts only once no transaction of a former owner can change it:
// the look-up waits for open ones, and a former owner that has not released the task is fenced by
// its transactional id, at once if it did not release it, or when the look-up has waited for
// kUnstableMax. After a fence the look-up is made again.
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
  SteadyTime NextDue() const { return fence_at_.value_or(SteadyTime::max()); }

 private:
  bool transactional() const { return ports_->transactions != nullptr; }
  void LookUp();
  void Fence();
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
  std::optional<SteadyTime> fence_at_;  // when a look-up has waited long enough
  uint64_t fence_ = 0;                  // the request that is waited for; 0: none
  std::optional<Error> fence_failed_;
  // By us, under this assignment: it can commit nothing for the task any more. Without this two
  // hosts that each find the other's note would fence each other for ever.
  std::string fenced_owner_;
  // Who acquired before us and may have a transaction open; kept over attempts, because the next
  // acquire finds ourselves.
  std::string former_owner_;
};

}  // namespace millrace::lane
