// SPDX-License-Identifier: Apache-2.0
#include "lane/task_start.h"

#include <algorithm>
#include <utility>

#include "commit/published_note.h"

namespace millrace::lane {
namespace {

// How long a look-up of published offsets may wait for a transaction before its owner is fenced.
constexpr Millis kUnstableMax{200};

Error NotSure() {
  return Retriable("this host does not know whether it is still a member of its group");
}

}  // namespace

void TaskStart::Begin(uint64_t* next_request) {
  next_request_ = next_request;
  acquired_.reset();
  points_.reset();
  lookup_ = 0;
  crash_sent_ = false;
  fence_at_.reset();
  // The first connection lets every task begin anew.
  if (ports_->store && ports_->store->connection_number() == 0) return;
  if (!transactional() || !ports_->store) LookUp();
  if (!ports_->store) {
    acquired_ = commit::Acquired{};
    return;
  }
  if (!IsMember()) {
    acquired_ = NotSure();
    return;
  }
  epoch_ = ports_->new_epoch();
  ports_->store->StartAcquire({.partition = task_->partition,
                               .epoch = epoch_,
                               .owner = settings_->owner,
                               .group = settings_->group,
                               .partition_count = task_->partition_count,
                               .versions = settings_->versions,
                               .crash = CrashToCount()});
}

std::optional<CrashMark> TaskStart::CrashToCount() const {
  return task_->crash && task_->crash->together == 1 ? task_->crash : std::nullopt;
}

bool TaskStart::IsMember() const { return ports_->group->IsMember(task_->group_metadata); }

void TaskStart::LookUp() {
  lookup_ = (*next_request_)++;
  points_.reset();
  ports_->group->StartLookup(task_->partition, lookup_);
}

void TaskStart::Fence(std::string owner) {
  fence_at_.reset();
  former_owner_.clear();
  fenced_owner_ = std::move(owner);
  fence_ = (*next_request_)++;
  ports_->transactions->StartFence(fenced_owner_, fence_);
}

void TaskStart::Step(SteadyTime now) {
  if (!transactional() || former_owner_.empty() || points_) return;
  if (!fence_at_) fence_at_ = now + kUnstableMax;
  if (now >= *fence_at_) Fence(former_owner_);
}

void TaskStart::OnAcquired(const commit::AcquireReply& reply) {
  if (reply.epoch != epoch_) return;
  acquired_ = IsMember() ? reply.result : NotSure();
  if (!*acquired_ || !transactional()) return;
  const std::string& owner = (*acquired_)->former_owner;
  if (!owner.empty() && owner != settings_->owner) former_owner_ = owner;
  LookUp();
}

void TaskStart::OnLookup(const commit::StartReply& reply) {
  if (reply.request != lookup_) return;
  points_ = reply.result;
  fence_at_.reset();
  if (!*points_) return;
  if (transactional()) {
    std::string owner = OwnerToFence();
    former_owner_.clear();
    if (!owner.empty()) Fence(std::move(owner));
  }
  if (!ports_->store) NoteCrash();
}

// The offsets are stable, so nothing of a former owner can change them any more, and this task has
// nothing in a transaction yet: a plain commit of the same offset does no harm. The group does not
// tell whether it took it; the next look-up does.
void TaskStart::NoteCrash() {
  const std::optional<CrashMark> mark = CrashToCount();
  const auto point = std::find_if((*points_)->begin(), (*points_)->end(), [&](const auto& each) {
    return mark && each.topic == mark->topic;
  });
  if (point == (*points_)->end()) return;
  const int64_t offset = point->committed.value_or(point->start);
  if (mark->offset < offset) return;  // passed
  commit::PublishedNote note{.seq = 0, .owner = settings_->owner, .released = false};
  if (const auto found = commit::NoteOf(point->metadata); point->committed && found) note = *found;
  if (note.crash && HasCounted(*note.crash, mark->id)) return;
  if (crash_sent_ || !IsMember()) {
    points_ = crash_sent_
                  ? Retriable("the group has not taken the crash at " +
                              Coordinates(mark->topic, task_->partition, mark->offset) + " yet")
                  : NotSure();
    return;
  }
  crash_sent_ = true;
  note.crash = Counted(note.crash, *mark);
  const PartitionOffset counted{{mark->topic, task_->partition}, offset, commit::TextOf(note)};
  ports_->group->Commit({&counted, 1});
  LookUp();
}

// Who wrote the newest note and did not release the task, or acquired it and wrote none; empty:
// nobody, or ourselves.
std::string TaskStart::OwnerToFence() const {
  std::optional<commit::PublishedNote> newest;
  for (const commit::StartingPoint& point : **points_) {
    const auto note = commit::NoteOf(point.metadata);
    if (point.committed && note && (!newest || note->seq >= newest->seq)) newest = note;
  }
  if (!former_owner_.empty()) {
    const bool released = newest && newest->released && newest->owner == former_owner_;
    return released ? "" : former_owner_;
  }
  // Without a store, or with one that has lost the task, the note alone tells of an owner.
  const bool known = ports_->store && !(*acquired_)->former_owner.empty();
  if (known || !newest || newest->released) return "";
  const bool ended = newest->owner == settings_->owner || newest->owner == fenced_owner_;
  return ended ? "" : newest->owner;
}

void TaskStart::OnFence(const commit::FenceReply& reply) {
  if (reply.request != fence_ || reply.done) return;
  former_owner_ = std::exchange(fenced_owner_, "");  // again with the next attempt, if there is one
  ports_->observer->TaskChanged("task " + std::to_string(task_->partition) + ": what " +
                                reply.owner +
                                " may have open is not ended now, but by its own "
                                "time-out: " +
                                reply.detail);
}

std::optional<Result<StartedTask>> TaskStart::outcome() const {
  // A refusal by either side is final, whatever the other says.
  if (acquired_ && !*acquired_) return acquired_->error();
  if (points_ && !*points_) return points_->error();
  if (!acquired_ || !points_) return std::nullopt;
  return Decide();
}

Result<StartedTask> TaskStart::Decide() const {
  RecoveryFacts facts{
      .settings = settings_, .task = task_, .epoch = epoch_, .acquired = {}, .points = {}};
  if (ports_->store) facts.acquired = **acquired_;
  for (const ingest::InputTopic& topic : task_->topics) {
    for (const commit::StartingPoint& point : **points_) {
      if (point.topic == topic.topic) facts.points.push_back(point);
    }
  }
  if (facts.points.size() != task_->topics.size()) {
    return Retriable("the broker did not say where partition " + std::to_string(task_->partition) +
                     " begins in every input topic");
  }
  return Recover(facts);
}

}  // namespace millrace::lane
