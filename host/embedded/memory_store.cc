// SPDX-License-Identifier: Apache-2.0
#include "embedded/memory_store.h"

#include <utility>

namespace millrace::embedded {
namespace {

using commit::CommitResult;
using commit::WriteOp;
using state::Found;
using state::ReadItem;
using state::ReadReply;
using Task = MemoryStore::Task;
using Fields = std::map<std::string, std::string>;

std::string Text(Slice bytes) { return std::string(bytes.view()); }

const Fields* FindMap(const Task& task, const std::string& state, Slice key) {
  const auto maps = task.maps.find(state);
  if (maps == task.maps.end()) return nullptr;
  const auto found = maps->second.find(Text(key));
  return found == maps->second.end() ? nullptr : &found->second;
}

Found FoundValue(const std::string& value, ReadReply* reply) {
  return {.what = Found::What::kValue, .value = reply->bytes.Copy(value)};
}

Found ReadValue(const Task& task, const std::string& state, Slice key, ReadReply* reply) {
  const auto values = task.values.find(state);
  if (values == task.values.end()) return {};
  const auto found = values->second.find(Text(key));
  return found == values->second.end() ? Found{} : FoundValue(found->second, reply);
}

Found ReadField(const Fields* map, Slice field, ReadReply* reply) {
  if (map == nullptr) return {};
  const auto found = map->find(Text(field));
  return found == map->end() ? Found{} : FoundValue(found->second, reply);
}

size_t BytesOf(const Fields& map) {
  size_t bytes = 0;
  for (const auto& [field, value] : map) bytes += field.size() + value.size();
  return bytes;
}

Found ReadMap(const Fields* map, size_t bytes_max, ReadReply* reply) {
  if (map == nullptr) return {};
  if (BytesOf(*map) > bytes_max) return {.what = Found::What::kLargeMap, .value = {}};
  Found found{.what = Found::What::kMap, .value = {}};
  found.first_entry = static_cast<uint32_t>(reply->entries.size());
  found.entry_count = static_cast<uint32_t>(map->size());
  for (const auto& [field, value] : *map) {
    reply->entries.push_back({reply->bytes.Copy(field), reply->bytes.Copy(value)});
  }
  return found;
}

Found Read(const Task& task, const state::StateDecl& decl, const ReadItem& item, ReadReply* reply) {
  if (decl.kind == state::StateKind::kValue) return ReadValue(task, decl.name, item.key, reply);
  const Fields* map = FindMap(task, decl.name, item.key);
  if (!item.field.is_null()) return ReadField(map, item.field, reply);
  return ReadMap(map, state::kWholeMapBytesMax, reply);
}

// What was left to be made later, laid over the values that were found in the cells.
void Overlay(const Task& task, std::span<const state::StateDecl> states,
             std::span<const ReadItem> items, ReadReply* reply) {
  for (const auto& [seq, packed] : task.redo) {
    commit::RedoReader reader{Slice(packed)};
    while (const commit::RedoCell* cell = reader.Next()) {
      for (size_t i = 0; i < items.size(); ++i) {
        const state::StateDecl& state = states[items[i].state];
        if (state.kind != state::StateKind::kValue || items[i].key != cell->key ||
            state.name != reader.states()[cell->state]) {
          continue;
        }
        reply->found[i] =
            cell->value.is_null() ? Found{} : FoundValue(std::string(cell->value.view()), reply);
      }
    }
  }
}

void EraseField(Task* task, const std::string& state, const WriteOp& op) {
  auto& maps = task->maps[state];
  const auto map = maps.find(Text(op.key));
  if (map == maps.end()) return;
  map->second.erase(Text(op.field));
  if (map->second.empty()) maps.erase(map);
}

void Write(Task* task, const std::string& state, const WriteOp& op) {
  switch (op.kind) {
    case WriteOp::Kind::kPutValue:
      task->values[state][Text(op.key)] = Text(op.value);
      break;
    case WriteOp::Kind::kEraseValue:
      task->values[state].erase(Text(op.key));
      break;
    case WriteOp::Kind::kPutField:
      task->maps[state][Text(op.key)][Text(op.field)] = Text(op.value);
      break;
    case WriteOp::Kind::kEraseField:
      EraseField(task, state, op);
      break;
    case WriteOp::Kind::kEraseMap:
      task->maps[state].erase(Text(op.key));
      break;
  }
}

Result<commit::Acquired> Acquire(const commit::AcquireRequest& request, const std::string& what,
                                 Task* task) {
  if (task->owned && task->group != request.group) {
    return Fatal(what + " is kept for group " + task->group + "; this function's group is " +
                 request.group + ": set group: " + task->group + ", or use another namespace");
  }
  if (task->owned && task->partition_count != request.partition_count) {
    return Fatal(what + " was kept with " + std::to_string(task->partition_count) +
                 " partitions; the input topics have " + std::to_string(request.partition_count) +
                 " now: keys have moved between tasks; use another namespace to begin anew");
  }
  if (task->owned && !CanRead(request.versions, task->versions)) {
    return Fatal(what + WhyUnreadable(request.versions, task->versions));
  }
  commit::Acquired acquired{.seq = task->seq,
                            .applied = {},
                            .former_owner = task->owner,
                            .published_seq = task->published_seq};
  for (const auto& [topic, offset] : task->applied) acquired.applied.push_back({topic, offset});
  for (const auto& [seq, entry] : task->outbox) acquired.outbox.push_back(entry);
  for (const auto& [seq, packed] : task->redo) acquired.redo.push_back({seq, packed});
  for (const auto& [at, seen] : task->seen) acquired.seen.push_back(seen);
  CountCrash(request.crash, task->applied, &task->crashes);
  for (const auto& [topic, crash] : task->crashes) acquired.crashes.push_back({topic, crash});
  acquired.aside_count = task->aside.size();
  if (task->aside.size() <= commit::kAsideListedMax) {
    for (const auto& [name, packed] : task->aside) acquired.aside.push_back(name);
  }
  if (!task->owned) task->versions.oldest = request.versions.written;
  task->versions.newest = request.versions.written;
  task->owned = true;
  task->epoch = request.epoch;
  task->owner = request.owner;
  task->group = request.group;
  task->partition_count = request.partition_count;
  return acquired;
}

void Commit(const commit::CommitRequest& request, std::span<const state::StateDecl> states,
            const std::string& what, Task* task, commit::CommitReply* reply) {
  if (!task->owned) {
    reply->result = CommitResult::kDiverged;
    reply->detail = what + ": the store does not know the task any more";
    return;
  }
  if (task->epoch != *request.epoch) {
    reply->result = CommitResult::kFenced;
    reply->detail = what + " is owned by " + task->owner + " now";
    return;
  }
  if (task->seq != request.expected_seq) {
    reply->result = CommitResult::kDiverged;
    reply->detail = what + " is at seq " + std::to_string(task->seq);
    return;
  }
  for (const WriteOp& op : request.writes) {
    if (op.kind == WriteOp::Kind::kEraseMap) Write(task, states[op.state].name, op);
  }
  for (const WriteOp& op : request.writes) {
    if (op.kind != WriteOp::Kind::kEraseMap) Write(task, states[op.state].name, op);
  }
  for (const uint64_t seq : request.trimmed) task->outbox.erase(seq);
  if (request.publication != nullptr && !request.publication->packed.empty()) {
    task->outbox.insert_or_assign(request.seq, *request.publication);
  }
  for (const uint64_t seq : request.redo_trimmed) task->redo.erase(seq);
  if (!request.redo.empty()) task->redo.insert_or_assign(request.seq, std::string(request.redo));
  for (const commit::AsideEntry& entry : request.aside) {
    task->aside.insert_or_assign(entry.name, entry.packed);
  }
  for (const TopicOffset& at : request.applied) task->applied[at.topic] = at.offset;
  if (request.published_seq > 0) task->published_seq = request.published_seq;
  for (const SeenOutput& seen : request.seen) {
    task->seen.insert_or_assign({seen.topic, seen.source}, seen);
  }
  task->seq = request.seq;
}

}  // namespace

std::unique_ptr<MemoryStorePort> MemoryStore::Open(std::shared_ptr<MemoryStore> store,
                                                   std::string name_space, std::string function,
                                                   std::vector<state::StateDecl> states,
                                                   state::ReadView view) {
  return std::make_unique<MemoryStorePort>(std::move(store), std::move(name_space),
                                           std::move(function), std::move(states), view);
}

MemoryStorePort::MemoryStorePort(std::shared_ptr<MemoryStore> store, std::string name_space,
                                 std::string function, std::vector<state::StateDecl> states,
                                 state::ReadView view)
    : store_(std::move(store)),
      name_space_(std::move(name_space)),
      function_(std::move(function)),
      states_(std::move(states)),
      view_(view) {}

std::string MemoryStorePort::TaskName(int32_t partition) const {
  return name_space_ + ":" + function_ + ":" + std::to_string(partition);
}

std::string MemoryStorePort::Describe(int32_t partition) const {
  return "state of function " + function_ + ", partition " + std::to_string(partition) +
         ", in namespace " + name_space_;
}

ReadReply MemoryStorePort::ReadNow(int32_t partition, std::span<const ReadItem> items) {
  ReadReply reply;
  reply.id = ++last_read_;
  store_->With(TaskName(partition), [&](const Task& task) {
    for (const ReadItem& item : items) {
      reply.found.push_back(Read(task, states_[item.state], item, &reply));
    }
    if (view_ == state::ReadView::kCommitted) Overlay(task, states_, items, &reply);
    if (task.owned) reply.epoch = reply.bytes.Copy(Slice(task.epoch));
  });
  return reply;
}

state::ReadId MemoryStorePort::StartRead(int32_t partition, std::span<const ReadItem> items) {
  reads_.push_back(ReadNow(partition, items));
  return last_read_;
}

bool MemoryStorePort::PollRead(ReadReply* reply) {
  if (reads_.empty()) return false;
  *reply = std::move(reads_.front());
  reads_.pop_front();
  return true;
}

ReadReply MemoryStorePort::ReadWholeMapNow(int32_t partition, uint32_t state, Slice key) {
  ReadReply reply;
  reply.id = ++last_read_;
  store_->With(TaskName(partition), [&](const Task& task) {
    reply.found.push_back(ReadMap(FindMap(task, states_[state].name, key), SIZE_MAX, &reply));
    if (task.owned) reply.epoch = reply.bytes.Copy(Slice(task.epoch));
  });
  return reply;
}

void MemoryStorePort::StartAcquire(const commit::AcquireRequest& request) {
  commit::AcquireReply reply{.partition = request.partition, .epoch = request.epoch};
  store_->With(TaskName(request.partition), [&](Task& task) {
    reply.result = Acquire(request, Describe(request.partition), &task);
  });
  acquires_.push_back(std::move(reply));
}

bool MemoryStorePort::PollAcquire(commit::AcquireReply* reply) {
  if (acquires_.empty()) return false;
  *reply = std::move(acquires_.front());
  acquires_.pop_front();
  return true;
}

void MemoryStorePort::StartCommit(const commit::CommitRequest& request) {
  commit::CommitReply reply{
      .partition = request.partition, .epoch = *request.epoch, .seq = request.seq, .detail = {}};
  store_->With(TaskName(request.partition), [&](Task& task) {
    Commit(request, states_, Describe(request.partition), &task, &reply);
  });
  commits_.push_back(std::move(reply));
}

bool MemoryStorePort::PollCommit(commit::CommitReply* reply) {
  if (commits_.empty()) return false;
  *reply = std::move(commits_.front());
  commits_.pop_front();
  return true;
}

}  // namespace millrace::embedded
