// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "kafka/client.h"
#include "kafka/membership_lease.h"
#include "model/task.h"

namespace millrace::kafka {

// The membership's handle, shared by the group member and the offsets worker. The library's calls
// are thread-safe; the rest is guarded. Private to this folder.
struct MemberState {
  std::shared_ptr<MembershipLease> lease;  // outlives the client
  std::unique_ptr<Client> client;

  // A commit belongs to the ownership during which it was asked for. One that would be sent after
  // the partitions were released could move back what their next owner has committed, for the
  // broker checks the group generation alone. So: sent under `mutex`, and only while `ownership` is
  // what it was when asked for.
  std::mutex mutex;
  uint64_t ownership = 0;
  std::set<TopicPartition> assigned;  // under `mutex`, as told last
  std::string group_metadata;         // of it; empty while there is none

  // Any thread: see commit::GroupOffsets.
  bool IsMember(const std::string& metadata_at_assignment);
};

}  // namespace millrace::kafka
