// SPDX-License-Identifier: Apache-2.0
#include "lane/lane.h"

#include <algorithm>
#include <utility>

#include "lane/lane_task.h"

namespace millrace::lane {
namespace {

// Longest sleep of a lane: its consumer and producer want to be served.
constexpr Millis kServeEvery{100};

// All offsets are handed to the group again this often: a commit that failed is not told.
constexpr Millis kRepeatGroupCommit{5'000};

}  // namespace

std::vector<state::StateDecl> StatesOf(const Generation& generation) {
  std::vector<state::StateDecl> states;
  for (const Use& use : generation.uses) {
    if (use.kind == UseKind::kOutput) continue;
    states.push_back(
        {.kind = use.kind == UseKind::kMap ? state::StateKind::kMap : state::StateKind::kValue,
         .name = use.name});
  }
  return states;
}

Result<std::unique_ptr<Lane>> Lane::Create(LaneSettings settings, LanePorts ports,
                                           std::shared_ptr<const Generation> generation) {
  auto shared = std::make_unique<LaneShared>();
  shared->states = StatesOf(*generation);
  for (const state::StateDecl& state : shared->states) shared->state_names.push_back(state.name);
  shared->cache = std::make_unique<state::Cache>(settings.cache_bytes);
  auto invoker = invoke::Invoker::Start(std::move(generation), ports.clock, ports.in_flight);
  if (!invoker) return invoker.error();
  shared->invoker = *std::move(invoker);
  shared->settings = std::move(settings);
  shared->ports = std::move(ports);
  return std::unique_ptr<Lane>(new Lane(std::move(shared)));
}

Lane::Lane(std::unique_ptr<LaneShared> shared)
    : shared_(std::move(shared)), publisher_(shared_.get()) {}

Lane::~Lane() {
  tasks_.clear();
  shared_->ports.outputs->Detach();  // outputs on their way point into units
}

void Lane::Assign(TaskAssignment task) {
  const int32_t partition = task.partition;
  tasks_[partition] = std::make_unique<LaneTask>(shared_.get(), std::move(task));
}

void Lane::Revoke(int32_t partition) {
  if (const auto task = tasks_.find(partition); task != tasks_.end()) {
    task->second->Drain();
  } else {
    released_.push_back({.partition = partition, .final_offsets = {}});
  }
}

void Lane::Abandon(int32_t partition) {
  const auto task = tasks_.find(partition);
  if (task == tasks_.end()) return;
  ForgetGroupOffsets(*task->second);
  tasks_.erase(task);
}

Status Lane::Swap(std::shared_ptr<const Generation> generation) {
  if (!SameStateAndOutputs(*generation, shared_->invoker->generation())) {
    return Fatal(
        "the library declares other states, versions of them or outputs than the one it replaces");
  }
  auto invoker =
      invoke::Invoker::Start(std::move(generation), shared_->ports.clock, shared_->ports.in_flight);
  if (!invoker) return invoker.error();
  shared_->invoker = *std::move(invoker);
  return {};
}

SteadyTime Lane::Step(SteadyTime now) {
  Poll(now);
  bool busy = false;
  SteadyTime due = now + kServeEvery;
  shared_->unpublished_bytes = 0;
  for (const auto& [partition, task] : tasks_) {
    shared_->unpublished_bytes += task->unpublished_bytes();
  }
  for (auto& [partition, task] : tasks_) {
    busy = task->Step(now) || busy;
    due = std::min(due, task->NextDue(now));
  }
  if (shared_->exactly_once()) {
    publisher_.Step(tasks_, now);
    due = std::min(due, publisher_.NextDue(tasks_, now));
  } else {
    CommitGroupOffsets(now);
  }
  CollectReleased();
  ShowGauges();
  if (!tasks_.empty() && !shared_->exactly_once()) {
    due = std::min(due, std::max(now, next_group_commit_));
  }
  return busy ? now : due;
}

void Lane::Poll(SteadyTime now) {
  shared_->ports.records->Serve();
  shared_->ports.outputs->Poll();
  std::erase_if(shared_->graves, [](const auto& unit) { return unit->ticket.pending == 0; });
  commit::StartReply lookup;
  while (shared_->ports.group->PollLookup(&lookup)) {
    if (const auto task = tasks_.find(lookup.partition); task != tasks_.end()) {
      task->second->OnLookup(lookup);
    }
  }
  if (shared_->ports.store) PollStore(now);
  if (shared_->exactly_once()) publisher_.Poll(tasks_, now);
}

void Lane::PollStore(SteadyTime now) {
  if (const uint64_t number = shared_->ports.store->connection_number();
      number != store_connection_) {
    store_connection_ = number;
    for (auto& [partition, task] : tasks_) task->Reacquire(now, "connected to the store anew");
  }
  commit::AcquireReply acquired;
  while (shared_->ports.store->PollAcquire(&acquired)) {
    if (const auto task = tasks_.find(acquired.partition); task != tasks_.end()) {
      task->second->OnAcquired(acquired);
    }
  }
  commit::CommitReply committed;
  while (shared_->ports.store->PollCommit(&committed)) {
    if (const auto task = tasks_.find(committed.partition); task != tasks_.end()) {
      task->second->OnCommit(committed, now);
    }
  }
  state::ReadReply read;
  while (shared_->ports.reader->PollRead(&read)) {
    for (auto& [partition, task] : tasks_) {
      if (task->OnRead(read, now)) break;
    }
  }
}

void Lane::CommitGroupOffsets(SteadyTime now) {
  if (now < next_group_commit_) return;
  next_group_commit_ = now + shared_->settings.commit_interval;
  if (now >= next_full_group_commit_) {
    next_full_group_commit_ = now + kRepeatGroupCommit;
    group_offsets_.clear();
  }
  std::vector<PartitionOffset> changed;
  for (const auto& [partition, task] : tasks_) {
    if (!task->has_applied()) continue;
    for (size_t i = 0; i < task->applied().size(); ++i) {
      const TopicOffset& applied = task->applied()[i];
      const TopicPartition at{applied.topic, partition};
      const int64_t offset = task->AtLeastPublished(i, applied.offset);
      const auto [known, is_new] = group_offsets_.try_emplace(at, -1);
      if (known->second == offset) continue;
      known->second = offset;
      changed.push_back({at, offset, commit::TextOf(task->note(i, offset))});
    }
  }
  if (!changed.empty()) shared_->ports.group->Commit(changed);
}

void Lane::CollectReleased() {
  for (auto task = tasks_.begin(); task != tasks_.end();) {
    if (task->second->phase() != TaskPhase::kReleased) {
      ++task;
      continue;
    }
    ReleasedTask released{.partition = task->first, .final_offsets = {}};
    ForgetGroupOffsets(*task->second);
    released.final_offsets = task->second->FinalOffsets();
    released.group_metadata = task->second->group_metadata();
    released_.push_back(std::move(released));
    task = tasks_.erase(task);
  }
}

void Lane::ForgetGroupOffsets(const LaneTask& task) {
  for (const TopicOffset& applied : task.applied()) {
    group_offsets_.erase({applied.topic, task.partition()});
  }
}

std::vector<ReleasedTask> Lane::TakeReleased() { return std::exchange(released_, {}); }

std::optional<StopReason> Lane::stop_reason() const {
  for (const auto& [partition, task] : tasks_) {
    if (task->phase() == TaskPhase::kStopped) return task->stop_reason();
  }
  return std::nullopt;
}

std::vector<TaskStatus> Lane::Tasks(SteadyTime now) const {
  std::vector<TaskStatus> all;
  all.reserve(tasks_.size());
  for (const auto& [partition, task] : tasks_) all.push_back(task->Describe(now));
  return all;
}

void Lane::ShowGauges() {
  observe::LaneCounters& counters = *shared_->ports.counters;
  state::CacheCounts& cache = shared_->cache->counts();
  counters.state_cache_hits.Add(std::exchange(cache.hits, 0));
  counters.state_cache_misses.Add(std::exchange(cache.misses, 0));
  counters.state_cache_bytes.Set(shared_->cache->bytes());
  counters.output_queue_bytes.Set(shared_->ports.outputs->queued_bytes() +
                                  shared_->unpublished_bytes);
  counters.tasks.Set(tasks_.size());
  size_t retries = 0;
  for (const auto& [partition, task] : tasks_) retries += task->retrying() ? 1 : 0;
  counters.retries_waiting.Set(retries);
}

}  // namespace millrace::lane
