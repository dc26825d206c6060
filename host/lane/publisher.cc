// SPDX-License-Identifier: Apache-2.0
#include "lane/publisher.h"

#include <algorithm>
#include <utility>

#include "lane/lane_task.h"

namespace millrace::lane {
namespace {

constexpr size_t kTransactionBytesMax = 16 * 1024 * 1024;  // then the next one goes on
constexpr Millis kWaitMin{20};
constexpr Millis kWaitMax{1'000};

}  // namespace

void Publisher::Poll(const Tasks& tasks, SteadyTime now) {
  commit::Transactions* transactions = lane_->ports.transactions;
  commit::TransactionReply reply;
  while (transactions->PollTransaction(&reply)) {
    if (!shares_.empty() && reply.number == number_) OnReply(tasks, reply, now);
  }
  commit::FenceReply fence;
  while (transactions->PollFence(&fence)) {
    for (const auto& [partition, task] : tasks) task->OnFence(fence);
  }
}

bool Publisher::Due(const Tasks& tasks, SteadyTime now) const {
  bool any = false;
  bool draining = false;
  for (const auto& [partition, task] : tasks) {
    any = any || task->publishable();
    draining = draining || (task->publishable() && task->draining());
  }
  return any && (draining || now >= next_start_);
}

void Publisher::Step(const Tasks& tasks, SteadyTime now) {
  if (!shares_.empty() || now < not_before_ || !Due(tasks, now)) return;
  commit::TransactionRequest request;
  request.number = ++number_;
  size_t bytes = 0;
  for (const auto& [partition, task] : tasks) {
    if (!task->publishable() || bytes >= kTransactionBytesMax) continue;
    // The metadata of one assignment says nothing about the tasks of another.
    if (shares_.empty()) request.group_metadata = task->group_metadata();
    if (task->group_metadata() != request.group_metadata) continue;
    shares_.push_back({.partition = partition,
                       .ownership = task->ownership(),
                       .first = request.publications.size()});
    bytes += task->unpublished_bytes();
    task->TakePublications(kTransactionBytesMax, &request);
    lane_->in_transaction.insert(partition);
  }
  next_start_ = now + lane_->settings.commit_interval;
  lane_->ports.transactions->StartTransaction(std::move(request));
}

SteadyTime Publisher::NextDue(const Tasks& tasks, SteadyTime now) const {
  if (!shares_.empty()) return SteadyTime::max();  // the reply is a signal
  if (Due(tasks, SteadyTime::max())) {
    return std::max({now, not_before_, Due(tasks, now) ? now : next_start_});
  }
  return SteadyTime::max();
}

void Publisher::OnReply(const Tasks& tasks, const commit::TransactionReply& reply, SteadyTime now) {
  using Result = commit::TransactionResult;
  lane_->ports.counters->transactions[static_cast<size_t>(reply.result)].Add();
  lane_->in_transaction.clear();
  for (size_t i = 0; i < shares_.size(); ++i) {
    const auto task = tasks.find(shares_[i].partition);
    if (task == tasks.end() || task->second->ownership() != shares_[i].ownership) continue;
    Settle(task->second.get(), HasRefused(i, reply), reply, now);
  }
  shares_.clear();
  if (reply.result == Result::kCommitted) {
    next_wait_ = Millis(0);
    return;
  }
  next_wait_ = std::clamp(next_wait_ * 2, kWaitMin, kWaitMax);
  not_before_ = now + next_wait_;
  lane_->ports.observer->TaskChanged("a transaction was not committed: " + reply.detail);
  if (reply.result == Result::kFenced) OnFenced(tasks, reply.detail, now);
}

bool Publisher::HasRefused(size_t share, const commit::TransactionReply& reply) const {
  if (reply.result != commit::TransactionResult::kRefused) return false;
  const size_t next = share + 1 < shares_.size() ? shares_[share + 1].first : SIZE_MAX;
  return reply.refused_publication >= shares_[share].first && reply.refused_publication < next;
}

void Publisher::Settle(LaneTask* task, bool refused, const commit::TransactionReply& reply,
                       SteadyTime now) {
  switch (reply.result) {
    case commit::TransactionResult::kCommitted:
      return task->OnPublished();
    case commit::TransactionResult::kUnknown:
      return task->OnPublishUnknown(now, reply.detail);
    case commit::TransactionResult::kFenced:
      return;  // every task of the lane is
    case commit::TransactionResult::kRefused:
      if (refused) return task->OnPublishRefused(reply.detail);
      [[fallthrough]];
    case commit::TransactionResult::kAborted:
      return task->OnPublishAborted();
  }
}

// Who holds our transactional id now may hold any of our tasks.
void Publisher::OnFenced(const Tasks& tasks, const std::string& detail, SteadyTime now) {
  for (const auto& [partition, task] : tasks) {
    if (task->ownership() != 0) task->OnPublishFenced(now, detail);
  }
}

}  // namespace millrace::lane
