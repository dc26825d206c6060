// SPDX-License-Identifier: Apache-2.0
#include "kafka/membership_lease.h"

#include <time.h>

#include <functional>

namespace millrace::kafka {
namespace {

// Of Kafka's protocol.
constexpr int16_t kHeartbeat = 12;
constexpr int16_t kSyncGroup = 14;

}  // namespace

MembershipLease::Nanos MembershipLease::Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec);
}

void MembershipLease::OnSent(int16_t api_key, Nanos now) {
  if (api_key == kSyncGroup) {
    synced_ = now.count();
    answered_ = false;  // what was answered before belongs to the membership before
  }
  if (api_key != kHeartbeat) return;
  if (answered_.exchange(false)) Confirm(heartbeat_);
  heartbeat_ = now.count();
}

void MembershipLease::OnReceived(int16_t api_key) {
  if (api_key == kHeartbeat) answered_ = true;
}

uint64_t MembershipLease::Hash(std::string_view group_metadata) {
  if (group_metadata.empty()) return kNone;
  const uint64_t hash = std::hash<std::string_view>()(group_metadata);
  return hash == kNone ? kNone + 1 : hash;
}

void MembershipLease::SetAssignment(std::string_view group_metadata) {
  assignment_ = Hash(group_metadata);
}

bool MembershipLease::IsMember(std::string_view metadata_at_assignment, Nanos now) const {
  const uint64_t asked = Hash(metadata_at_assignment);
  return asked != kNone && asked == assignment_ && !lost_ && now < Nanos(looked_) + kLookedMax &&
         Holds(now);
}

}  // namespace millrace::kafka
