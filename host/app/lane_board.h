// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "invoke/in_flight.h"
#include "kafka/membership_lease.h"
#include "observe/lane_counters.h"
#include "process/crash_teller.h"
#include "process/shared_memory.h"

namespace millrace::app {

// What a lane shows while it works.
struct LaneSlot {
  observe::LaneCounters counters;
  invoke::InFlight in_flight;
};

// Whose thread ended the process: as WatchedThread numbers them, lanes from 1 on.
constexpr int32_t NumberOfLane(int lane) { return lane + 1; }

// What the host and the lanes of a function tell each other without a message, in memory that
// outlives the process of the lanes: counters and what is in flight, which the lanes write, and the
// lease of the membership, which the host writes. Its owner in the host outlives every lane.
class LaneBoard {
 public:
  // Throws when the system has no memory or descriptor left.
  explicit LaneBoard(int lanes);
  // With the slots in a file, for lanes in this process: `remains` is what a process that died by
  // them has left there. kRetriable: the file cannot be had.
  struct Remains {
    invoke::InFlight::Call call;
    uint64_t library = 0;
  };
  static Result<std::unique_ptr<LaneBoard>> Keep(const std::string& path, int lanes,
                                                 std::optional<Remains>* remains);
  // In a child, from the descriptors of the host's: the lease can only be read.
  static Result<std::unique_ptr<LaneBoard>> Attach(UniqueFd slots, UniqueFd lease, int lanes);

  int lanes() const { return lanes_; }
  LaneSlot& slot(int lane) const { return slots()[lane]; }
  // What is no lane's: invocations over HTTP, and the opening of a library.
  invoke::InFlight& invocation() const { return slots()[lanes_].in_flight; }
  invoke::InFlight& opening() const { return slots()[lanes_ + 1].in_flight; }
  int invocation_slot() const { return lanes_; }
  int opening_slot() const { return lanes_ + 1; }
  process::Culprit* culprit() const { return &tail()->culprit; }
  // When the process of the lanes last said that it is alive.
  void ShowAlive(SteadyTime now) const {
    tail()->alive.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  SteadyTime alive() const {
    return SteadyTime(SteadyTime::duration(tail()->alive.load(std::memory_order_relaxed)));
  }
  // The lane that a process which is dead died of, as far as is known; what it was doing is still
  // there. Absent: none, or nobody knows.
  std::optional<int> CulpritLane() const;
  // Nothing is in flight, nobody is to blame, and the gauges are of no lane any more: nothing that
  // lanes which have ended were at is taken for their successors'. What was counted stays.
  void Clear();

  kafka::MembershipLease* lease() const {
    return static_cast<kafka::MembershipLease*>(lease_->data());
  }
  const process::SharedMemory& slots_memory() const { return *slots_; }
  const process::SharedMemory& lease_memory() const { return *lease_; }

 private:
  LaneBoard(std::unique_ptr<process::SharedMemory> slots,
            std::unique_ptr<process::SharedMemory> lease, int lanes)
      : slots_(std::move(slots)), lease_(std::move(lease)), lanes_(lanes) {}
  void Begin();
  struct Tail {
    process::Culprit culprit;
    std::atomic<SteadyTime::rep> alive{0};
  };
  static constexpr int kOthers = 2;  // slots that are no lane's
  static size_t SlotBytes(int lanes) {
    return sizeof(LaneSlot) * static_cast<size_t>(lanes + kOthers) + sizeof(Tail);
  }
  Tail* tail() const { return reinterpret_cast<Tail*>(slots() + lanes_ + kOthers); }
  LaneSlot* slots() const { return static_cast<LaneSlot*>(slots_->data()); }

  std::unique_ptr<process::SharedMemory> slots_;
  std::unique_ptr<process::SharedMemory> lease_;
  int lanes_;
};

}  // namespace millrace::app
