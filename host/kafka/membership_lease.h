// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "kafka/handle.h"

namespace millrace::kafka {

// Until when a group's coordinator cannot have given a member's partitions away, told from the
// member's own requests: a heartbeat that was accepted keeps the member for a session from when the
// coordinator got it, so at least for a session from when it was sent. Whether it was accepted is
// known when the next one is sent: after a refusal the library gives its assignment up as lost
// before it sends anything else (rd_kafka_assignment_lost). A join is as good as a heartbeat.
// Suspended machines count: the clock goes on meanwhile. Called from the library's threads and
// asked from any.
class MembershipLease {
 public:
  using Nanos = std::chrono::nanoseconds;

  // Of CLOCK_BOOTTIME.
  static Nanos Now();

  void OnSent(int16_t api_key, Nanos now);
  void OnReceived(int16_t api_key);
  // The assignment that the newest join gave has come.
  void OnAssigned() { Confirm(synced_); }

  bool Holds(Nanos now, Nanos session) const { return now < Nanos(confirmed_.load()) + session; }

  // Has every client of this configuration tell the lease, which outlives the clients.
  void Attach(rd_kafka_conf_t* conf);

 private:
  void Confirm(int64_t sent) {
    if (sent > confirmed_) confirmed_ = sent;
  }

  std::atomic<int64_t> confirmed_{INT64_MIN / 2};  // when what was accepted last had been sent
  std::atomic<int64_t> synced_{INT64_MIN / 2};     // when the newest SyncGroup was sent
  std::atomic<int64_t> heartbeat_{INT64_MIN / 2};  // when the newest heartbeat was sent
  std::atomic<bool> answered_{false};              // that heartbeat
};

}  // namespace millrace::kafka
