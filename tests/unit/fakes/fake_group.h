// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commit/group_offsets.h"
#include "membership/group_client.h"
#include "unit/fakes/fake_records.h"

namespace millrace::fakes {

// A group's committed offsets, shared by everybody who commits for it. With `applied_of` set, a
// commit beyond what is applied is kept as a violation: it would lose events at the next start.
struct FakeGroup {
  std::map<TopicPartition, int64_t> committed;
  std::map<TopicPartition, std::string> metadata;  // of lanes' commits
  std::function<int64_t(const TopicPartition&)> applied_of;
  std::vector<std::string> violations;

  void Commit(std::span<const PartitionOffset> offsets) {
    for (const PartitionOffset& offset : offsets) {
      if (applied_of && offset.offset > applied_of(offset.at)) {
        violations.push_back("committed " +
                             Coordinates(offset.at.topic, offset.at.partition, offset.offset) +
                             " while applied is " + std::to_string(applied_of(offset.at)));
      }
      committed[offset.at] = offset.offset;
      metadata[offset.at] = offset.metadata;
    }
  }
};

// Answers a lane's questions from a FakeGroup and a FakeLog; with `held`, only after Answer().
class FakeGroupOffsets final : public commit::GroupOffsets {
 public:
  FakeGroupOffsets(FakeGroup* group, FakeLog* log, std::vector<std::string> topics)
      : group_(group), log_(log), topics_(std::move(topics)) {}

  bool held = false;
  bool is_member = true;
  bool takes_commits = true;  // else they are lost
  StartPosition::Kind start = StartPosition::Kind::kEarliest;
  std::optional<Error> fails;
  uint64_t lookups = 0;
  uint64_t commits = 0;

  bool has_news() const { return !answered_.empty(); }  // wakes the lane

  void StartLookup(int32_t partition, uint64_t request) override {
    ++lookups;
    asked_.emplace_back(partition, request);
    if (!held) Answer();
  }
  void Answer() {
    for (const auto& [partition, request] : asked_) {
      commit::StartReply reply{
          .partition = partition, .request = request, .result = Points(partition)};
      if (fails) reply.result = *fails;
      answered_.push_back(std::move(reply));
    }
    asked_.clear();
  }
  bool PollLookup(commit::StartReply* reply) override {
    if (answered_.empty()) return false;
    *reply = std::move(answered_.front());
    answered_.pop_front();
    return true;
  }
  void Commit(std::span<const PartitionOffset> offsets) override {
    ++commits;
    if (takes_commits) group_->Commit(offsets);
  }
  bool IsMember(const std::string&) const override { return is_member; }

 private:
  std::vector<commit::StartingPoint> Points(int32_t partition) const {
    std::vector<commit::StartingPoint> points;
    for (const std::string& topic : topics_) {
      const TopicPartition at{topic, partition};
      const FakeLog::Partition& log = log_->at(at);
      commit::StartingPoint point{
          .topic = topic, .committed = {}, .start = log.earliest, .earliest = log.earliest};
      if (start == StartPosition::Kind::kLatest) point.start = log.end;
      const auto found = group_->committed.find(at);
      if (found != group_->committed.end()) point.committed = found->second;
      const auto kept = group_->metadata.find(at);
      if (kept != group_->metadata.end()) point.metadata = kept->second;
      points.push_back(std::move(point));
    }
    return points;
  }

  FakeGroup* group_;
  FakeLog* log_;
  std::vector<std::string> topics_;
  std::vector<std::pair<int32_t, uint64_t>> asked_;
  std::deque<commit::StartReply> answered_;
};

// A group's member whose events the test writes.
class FakeGroupClient final : public membership::GroupClient {
 public:
  using Kind = membership::GroupEvent::Kind;

  std::map<std::string, int32_t> partition_counts;  // none: unknown
  int accepted = 0;
  std::vector<std::vector<PartitionOffset>> released;  // one per Release
  bool leaving = false;
  bool gone = false;

  void Push(Kind kind, std::vector<TopicPartition> partitions, std::string problem = "") {
    events_.push_back(
        {.kind = kind, .partitions = std::move(partitions), .problem = std::move(problem)});
  }
  void PushAssigned(std::vector<TopicPartition> partitions, std::string group_metadata) {
    events_.push_back({.kind = Kind::kAssigned,
                       .partitions = std::move(partitions),
                       .problem = {},
                       .group_metadata = std::move(group_metadata)});
  }

  bool Poll(membership::GroupEvent* event) override {
    if (events_.empty()) return false;
    *event = std::move(events_.front());
    events_.pop_front();
    return true;
  }
  void Accept() override { ++accepted; }
  void Release(std::span<const PartitionOffset> final_offsets) override {
    released.emplace_back(final_offsets.begin(), final_offsets.end());
    gone = gone || leaving;
  }
  void Leave() override { leaving = true; }
  bool left() const override { return gone; }
  std::optional<int32_t> PartitionCount(const std::string& topic) override {
    const auto found = partition_counts.find(topic);
    return found == partition_counts.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::deque<membership::GroupEvent> events_;
};

}  // namespace millrace::fakes
