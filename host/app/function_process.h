// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/calls_in_flight.h"
#include "app/host_services.h"
#include "app/lane_process.h"
#include "base/clock.h"
#include "commit/group_offsets.h"
#include "model/function_spec.h"
#include "model/handler.h"
#include "process/cgroup.h"

namespace millrace::app {

// The process of its own that a function has its lanes in, one after the other: started within the
// function's limits, and ended for what it does for too long. What follows from its end, others
// decide. One thread, the function's control thread; every process that it starts ends with it.
class FunctionProcess {
 public:
  // All of them outlive it.
  FunctionProcess(const HostServices& services, const FunctionSpec& spec, CallsInFlight* calls)
      : services_(services), spec_(spec), calls_(calls) {}
  FunctionProcess(const FunctionProcess&) = delete;
  FunctionProcess& operator=(const FunctionProcess&) = delete;

  // While there is none. `delivery`: what the broker allows of the specification's; `offsets`: by
  // lane. kRetriable: the system gives no process, descriptor or memory.
  Status Start(const Generation& generation, Delivery delivery,
               std::vector<std::unique_ptr<commit::GroupOffsets>> offsets);
  // As LaneProcess ends, if there is one.
  void End();

  // Null: there is none. One that has ended by itself is there until End.
  LaneProcess* lanes() const { return lanes_.get(); }
  int fd() const { return lanes_ ? lanes_->fd() : -1; }  // see LaneProcess

  // With lanes(). See CallsInFlight for `reports`.
  void Step(const std::vector<LaneReport>& reports);
  // How and why it has ended, before the board is cleared.
  std::string HowItEnded(const std::vector<LaneReport>& reports) const;

 private:
  void MakeCgroup();
  void EndLate(SteadyTime now, const std::vector<LaneReport>& reports);
  std::string WhyItWasKilled() const;

  const HostServices& services_;
  const FunctionSpec& spec_;
  CallsInFlight* calls_;
  std::unique_ptr<process::Cgroup> cgroup_;      // null: not wanted, or not to be had
  bool limited_ = false;                         // whether that was looked at
  process::Cgroup::MemoryEvents memory_events_;  // of cgroup_, before the process began
  std::unique_ptr<LaneProcess> lanes_;
  std::optional<SteadyTime> kill_at_;  // a process that was told to end and may not have
  std::string killed_for_;
};

}  // namespace millrace::app
