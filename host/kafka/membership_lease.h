// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace millrace::kafka {

// Until when a group's coordinator cannot have given a member's partitions away, told from the
// member's own requests: a heartbeat that was accepted keeps the member for a session from when the
// coordinator got it, so at least for a session from when it was sent. Whether it was accepted is
// known when the next one is sent: after a refusal the library gives its assignment up as lost
// before it sends anything else (rd_kafka_assignment_lost). A join is as good as a heartbeat.
// Suspended machines count: the clock goes on meanwhile. Called from the library's threads and
// asked from any, also of another process that has it in shared memory: atomic numbers alone.
class MembershipLease {
 public:
  using Nanos = std::chrono::nanoseconds;
  static constexpr std::chrono::milliseconds kLookedMax{500};

  // Of CLOCK_BOOTTIME.
  static Nanos Now();

  void OnSent(int16_t api_key, Nanos now);
  void OnReceived(int16_t api_key);
  // The assignment that the newest join gave has come.
  void OnAssigned() { Confirm(synced_); }

  // The member's session time-out, before it joins.
  void SetSession(Nanos session) { session_ = session.count(); }
  Nanos session() const { return Nanos(session_.load()); }
  bool Holds(Nanos now) const { return SinceConfirmed(now) < session(); }
  // Since that was sent which the coordinator is known to have accepted last.
  Nanos SinceConfirmed(Nanos now) const { return now - Nanos(confirmed_.load()); }

  // The group's metadata of what the member was assigned last; empty: nothing. `lost` as
  // rd_kafka_assignment_lost tells, looked at again all the time: what is older than kLookedMax is
  // not believed.
  void SetAssignment(std::string_view group_metadata);
  void SetLost(bool lost, Nanos now) {
    lost_ = lost;
    looked_ = now.count();
  }

  // What commit::GroupOffsets::IsMember asks, for who has nothing but the lease.
  bool IsMember(std::string_view metadata_at_assignment, Nanos now) const;

 private:
  static constexpr uint64_t kNone = 0;

  void Confirm(int64_t sent) {
    if (sent > confirmed_) confirmed_ = sent;
  }
  static uint64_t Hash(std::string_view group_metadata);

  std::atomic<int64_t> confirmed_{INT64_MIN / 2};  // when what was accepted last had been sent
  std::atomic<int64_t> synced_{INT64_MIN / 2};     // when the newest SyncGroup was sent
  std::atomic<int64_t> heartbeat_{INT64_MIN / 2};  // when the newest heartbeat was sent
  std::atomic<bool> answered_{false};              // that heartbeat
  std::atomic<int64_t> session_{0};
  std::atomic<uint64_t> assignment_{kNone};  // a hash of the metadata
  std::atomic<bool> lost_{false};
  std::atomic<int64_t> looked_{INT64_MIN / 2};
};

}  // namespace millrace::kafka
