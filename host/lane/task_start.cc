// SPDX-License-Identifier: Apache-2.0
#include "lane/task_start.h"

namespace millrace::lane {

void TaskStart::Begin(uint64_t request) {
  request_ = request;
  acquired_.reset();
  points_.reset();
  ports_->group->StartLookup(task_->partition, request);
  if (!ports_->store) {
    acquired_ = commit::Acquired{};
    return;
  }
  epoch_ = ports_->new_epoch();
  ports_->store->StartAcquire({.partition = task_->partition,
                               .epoch = epoch_,
                               .owner = settings_->owner,
                               .group = settings_->group,
                               .partition_count = task_->partition_count});
}

void TaskStart::OnAcquired(const commit::AcquireReply& reply) {
  if (reply.epoch == epoch_) acquired_ = reply.result;
}

void TaskStart::OnLookup(const commit::StartReply& reply) {
  if (reply.request == request_) points_ = reply.result;
}

std::optional<Result<StartedTask>> TaskStart::outcome() const {
  // A refusal by either side is final, whatever the other says.
  if (acquired_ && !*acquired_) return acquired_->error();
  if (points_ && !*points_) return points_->error();
  if (!acquired_ || !points_) return std::nullopt;
  return Decide();
}

std::optional<int64_t> TaskStart::AppliedOf(const std::string& topic) const {
  for (const TopicOffset& applied : (*acquired_)->applied) {
    if (applied.topic == topic) return applied.offset;
  }
  return std::nullopt;
}

Result<int64_t> TaskStart::DecideTopic(const commit::StartingPoint& point, bool* resolved) const {
  if (!ports_->store) return point.committed.value_or(point.start);
  const std::optional<int64_t> applied = AppliedOf(point.topic);
  const std::string at = point.topic + "/" + std::to_string(task_->partition);
  if (!applied && point.committed) {
    return Fatal("state of " + at + " is missing (applied: none), while group " + settings_->group +
                 " has committed offset " + std::to_string(*point.committed) +
                 ": the store has lost the state, or another store is configured; restore it, or "
                 "delete the group's offsets to begin anew");
  }
  if (!applied) {
    *resolved = true;
    return point.start;
  }
  if (point.committed && *point.committed > *applied) {
    return Fatal("state of " + at + " is behind its group: applied " + std::to_string(*applied) +
                 ", committed offset " + std::to_string(*point.committed) +
                 ": the store went back in time, or the group's offsets were moved by hand; "
                 "restore the store, or set the group's offset to " +
                 std::to_string(*applied) + " or below");
  }
  return *applied;
}

Result<StartedTask> TaskStart::Decide() const {
  StartedTask started{.epoch = epoch_, .seq = (*acquired_)->seq, .from = {}};
  for (const ingest::InputTopic& topic : task_->topics) {
    for (const commit::StartingPoint& point : **points_) {
      if (point.topic != topic.topic) continue;
      const Result<int64_t> from = DecideTopic(point, &started.store_from);
      if (!from) return from.error();
      started.from.push_back({topic.topic, *from});
    }
  }
  if (started.from.size() != task_->topics.size()) {
    return Retriable("the broker did not say where partition " + std::to_string(task_->partition) +
                     " begins in every input topic");
  }
  return started;
}

}  // namespace millrace::lane
