// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "kafka/client_options.h"
#include "membership/group_client.h"

namespace millrace::kafka {

class MembershipLease;
class TopicWatch;
struct MemberState;

struct GroupMemberOptions {
  ClientOptions client;
  std::string group;
  std::vector<std::string> topics;    // all input topics of the function, in one subscription
  std::shared_ptr<TopicWatch> watch;  // knows all of `topics`
  // Non-blocking eventfd, written when Poll has something to say; -1 = none. Must outlive the
  // member and its offset lanes. Poll at least every 100 ms all the same.
  int wake_fd = -1;
  // Where the lease of the membership is kept, for processes that have no more of it; null: within.
  std::shared_ptr<MembershipLease> lease = nullptr;
};

// The function's consumer on this host that joins the group and fetches nothing: it answers every
// assignment with an empty one. Joins when created; a broker that is away is a kProblem, no
// failure. A revoke is held, while heartbeats go on, until Release; the final offsets are then
// committed (two seconds at most, a failure is logged) before the group goes on. Used by the
// function's control thread; no call blocks for more than a few milliseconds, but for destroying
// it without a finished Leave.
class GroupMember final : public membership::GroupClient {
 public:
  static Result<std::unique_ptr<GroupMember>> Join(const GroupMemberOptions& options);
  ~GroupMember() override;

  bool Poll(membership::GroupEvent* event) override;
  void Accept() override;
  void Release(std::span<const PartitionOffset> final_offsets) override;
  void Leave() override;
  bool left() const override;
  std::optional<int32_t> PartitionCount(const std::string& topic) override;

  // What the function's other parts use the membership through (OffsetsWorker).
  const std::shared_ptr<MemberState>& state() const { return state_; }

 private:
  class Impl;
  GroupMember(std::shared_ptr<MemberState> state, std::unique_ptr<Impl> impl);
  std::shared_ptr<MemberState> state_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::kafka
