// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "membership/group_client.h"
#include "model/task.h"

namespace millrace::membership {

// A task as the group gave it: one partition number and the topics whose partition this is.
struct GroupTask {
  int32_t partition = 0;
  int partition_count = 0;
  std::vector<std::string> topics;  // in name order
  std::string group_metadata = {};  // of the assignment that it came with
};

// The lanes of one function, as the membership speaks to them. Calls only pass on a message.
class LaneControl {
 public:
  virtual ~LaneControl() = default;
  virtual void Assign(int lane, GroupTask task) = 0;
  virtual void Revoke(int lane, int32_t partition) = 0;   // to be answered with OnReleased
  virtual void Abandon(int lane, int32_t partition) = 0;  // not answered
};

struct MembershipSettings {
  std::string function;
  std::vector<std::string> topics;
  int lanes = 1;
  bool needs_equal_partitions = false;  // functions with state
};

// How long a revoke waits for the lanes to finish what is under way.
inline constexpr Millis kDrainMax{5'000};

// Turns what the group decides into tasks of lanes, and holds a revoke back until every lane has
// released what it must give up, or kDrainMax is over. An assignment is held back until the
// partition counts of its topics (with needs_equal_partitions: of all topics) are known. One per
// function, on its control thread.
class Membership {
 public:
  Membership(MembershipSettings settings, GroupClient* client, LaneControl* lanes);

  void Step(SteadyTime now);  // call when the client has news, and at least every 100 ms
  void OnReleased(int32_t partition, std::vector<PartitionOffset> final_offsets);
  void Leave(SteadyTime now);  // drains everything, then leaves the group
  bool left() const { return client_->left(); }

  // The lanes were made anew: hands every task that is owned to the new ones.
  void AssignAgain();

  // What keeps the group from working; empty when nothing does.
  const std::string& problem() const { return problem_; }
  // Why the function cannot run at all.
  const std::optional<std::string>& refusal() const { return refusal_; }
  bool joined() const { return joined_; }
  std::map<int32_t, int> tasks() const;  // partition → lane

 private:
  struct Owned {
    GroupTask task;
    int lane = 0;
  };

  void OnAssigned(const GroupEvent& event);
  void OnRevoked(const std::vector<TopicPartition>& partitions, SteadyTime now);
  void OnLost();
  void FinishRevoke();
  bool CountsKnown();
  void AssignHeld();
  std::optional<std::string> UnequalPartitions();
  int LeastLoadedLane() const;

  MembershipSettings settings_;
  GroupClient* client_;
  LaneControl* lanes_;
  std::map<int32_t, Owned> owned_;
  std::vector<TopicPartition> held_;  // assigned, until the partition counts are known
  std::string group_metadata_;        // of the newest assignment
  std::set<int32_t> draining_;
  bool revoking_ = false;
  SteadyTime revoke_by_{};
  std::vector<PartitionOffset> final_offsets_;
  bool joined_ = false;
  std::string problem_;
  std::optional<std::string> refusal_;
};

}  // namespace millrace::membership
