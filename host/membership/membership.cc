// SPDX-License-Identifier: Apache-2.0
#include "membership/membership.h"

#include <algorithm>
#include <utility>

namespace millrace::membership {

Membership::Membership(MembershipSettings settings, GroupClient* client, LaneControl* lanes)
    : settings_(std::move(settings)), client_(client), lanes_(lanes) {}

void Membership::Step(SteadyTime now) {
  GroupEvent event;
  while (client_->Poll(&event)) {
    switch (event.kind) {
      case GroupEvent::Kind::kAssigned:
        OnAssigned(event);
        break;
      case GroupEvent::Kind::kRevoked:
        OnRevoked(event.partitions, now);
        break;
      case GroupEvent::Kind::kLost:
        OnLost();
        break;
      case GroupEvent::Kind::kProblem:
        problem_ = event.problem;
        break;
      case GroupEvent::Kind::kRecovered:
        problem_.clear();
        break;
    }
  }
  AssignHeld();
  if (revoking_ && (draining_.empty() || now >= revoke_by_)) FinishRevoke();
}

void Membership::OnAssigned(const GroupEvent& event) {
  joined_ = true;
  client_->Accept();
  group_metadata_ = event.group_metadata;
  held_.insert(held_.end(), event.partitions.begin(), event.partitions.end());
}

bool Membership::CountsKnown() {
  const auto known = [this](const std::string& topic) {
    return client_->PartitionCount(topic).has_value();
  };
  if (settings_.needs_equal_partitions) {
    return std::all_of(settings_.topics.begin(), settings_.topics.end(), known);
  }
  return std::all_of(held_.begin(), held_.end(),
                     [&known](const TopicPartition& at) { return known(at.topic); });
}

void Membership::AssignHeld() {
  if (held_.empty() || !CountsKnown()) return;
  const std::vector<TopicPartition> partitions = std::exchange(held_, {});
  if (settings_.needs_equal_partitions) {
    refusal_ = UnequalPartitions();
    if (refusal_) return;
  }
  std::map<int32_t, GroupTask> tasks;
  for (const TopicPartition& at : partitions) {
    GroupTask& task = tasks[at.partition];
    task.partition = at.partition;
    task.partition_count = client_->PartitionCount(at.topic).value_or(0);
    task.topics.push_back(at.topic);
    task.group_metadata = group_metadata_;
  }
  for (auto& [partition, task] : tasks) {
    std::sort(task.topics.begin(), task.topics.end());
    const int lane = LeastLoadedLane();
    owned_[partition] = {task, lane};
    lanes_->Assign(lane, std::move(task));
  }
}

std::optional<std::string> Membership::UnequalPartitions() {
  std::optional<int32_t> first;
  for (const std::string& topic : settings_.topics) {
    const std::optional<int32_t> count = client_->PartitionCount(topic);
    if (!count) continue;
    if (first && *first != *count) {
      return "a function with state needs equal partition counts: " + settings_.topics.front() +
             " has " + std::to_string(*first) + ", " + topic + " has " + std::to_string(*count);
    }
    first = count;
  }
  return std::nullopt;
}

int Membership::LeastLoadedLane() const {
  std::vector<int> load(static_cast<size_t>(settings_.lanes), 0);
  for (const auto& [partition, owned] : owned_) ++load[static_cast<size_t>(owned.lane)];
  return static_cast<int>(std::min_element(load.begin(), load.end()) - load.begin());
}

void Membership::OnRevoked(const std::vector<TopicPartition>& partitions, SteadyTime now) {
  revoking_ = true;
  revoke_by_ = now + kDrainMax;
  for (const TopicPartition& at : partitions) {
    std::erase(held_, at);
    const auto owned = owned_.find(at.partition);
    if (owned == owned_.end() || !draining_.insert(at.partition).second) continue;
    lanes_->Revoke(owned->second.lane, at.partition);
  }
}

void Membership::OnReleased(int32_t partition, std::vector<PartitionOffset> final_offsets) {
  if (draining_.erase(partition) == 0) return;  // after the deadline, or lost meanwhile
  owned_.erase(partition);
  final_offsets_.insert(final_offsets_.end(), final_offsets.begin(), final_offsets.end());
}

void Membership::FinishRevoke() {
  for (const int32_t partition : draining_) {
    lanes_->Abandon(owned_.at(partition).lane, partition);
    owned_.erase(partition);
  }
  draining_.clear();
  revoking_ = false;
  client_->Release(final_offsets_);
  final_offsets_.clear();
}

void Membership::OnLost() {
  for (const auto& [partition, owned] : owned_) lanes_->Abandon(owned.lane, partition);
  owned_.clear();
  held_.clear();
  draining_.clear();
  final_offsets_.clear();
  revoking_ = false;
  client_->Release({});
}

void Membership::Leave(SteadyTime now) {
  client_->Leave();
  Step(now);
}

void Membership::AssignAgain() {
  for (auto& [partition, owned] : owned_) {
    // A lane that was told to drain may have gone before it answered.
    if (draining_.contains(partition)) {
      lanes_->Revoke(owned.lane, partition);
    } else {
      lanes_->Assign(owned.lane, owned.task);
    }
  }
}

std::map<int32_t, int> Membership::tasks() const {
  std::map<int32_t, int> lanes;
  for (const auto& [partition, owned] : owned_) lanes[partition] = owned.lane;
  return lanes;
}

}  // namespace millrace::membership
