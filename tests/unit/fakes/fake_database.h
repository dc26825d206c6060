// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commit/commit_store.h"

namespace millrace::fakes {

// One task as the store keeps it.
struct StoredTask {
  commit::Epoch epoch;
  std::string owner;
  std::string group;
  int partition_count = 0;
  StoredVersions versions;
  uint64_t seq = 0;
  std::map<std::string, int64_t> applied;  // per topic
  uint64_t published_seq = 0;
  std::map<uint64_t, std::string> outbox;                          // by seq, packed
  std::map<std::pair<std::string, std::string>, SeenOutput> seen;  // by topic and source
  std::map<std::pair<uint32_t, std::string>, std::string> values;
  std::map<std::pair<uint32_t, std::string>, std::map<std::string, std::string>> maps;
  std::map<uint64_t, std::string> redo;       // by seq, packed
  std::map<std::string, CrashCount> crashes;  // by topic
  std::map<AsideName, std::string> aside;     // packed
  // No part of the store: what the units say that the values are now. The redo laid over `values`
  // must say the same (commit/redo.h), after every commit.
  std::map<std::pair<uint32_t, std::string>, std::string> told_values;
};

// The values with the redo laid over them; its entries number the states as the function does.
inline std::map<std::pair<uint32_t, std::string>, std::string> CommittedValues(
    const StoredTask& task) {
  auto values = task.values;
  for (const auto& [seq, packed] : task.redo) {
    commit::RedoReader reader{Slice(packed)};
    while (const commit::RedoCell* cell = reader.Next()) {
      const std::pair<uint32_t, std::string> at(cell->state, cell->key.view());
      if (cell->value.is_null()) {
        values.erase(at);
      } else {
        values[at] = cell->value.view();
      }
    }
  }
  return values;
}

// The server: what every connection to the store shares. Acquire and commit are atomic steps with
// the checks of the protocol; the switches take one of them away, to prove that tests notice.
class FakeDatabase {
 public:
  bool checks_epoch = true;
  bool checks_seq = true;
  bool keeps_outbox = true;
  bool gives_redo = true;     // to a new owner
  bool keeps_redo = true;     // until it is trimmed; else the newest entry alone
  bool defers_held = true;    // else what an older entry has is written directly
  bool knows_crashes = true;  // that it has counted; else it counts them again
  bool keeps_aside = true;
  // Is told of every record that is put aside, in the task as it is then.
  std::function<void(int32_t partition, const AsideName&, const StoredTask&)> on_aside = {};
  std::optional<std::string> rejects;  // writes are refused for this reason
  uint64_t commits_applied = 0;
  uint64_t superseded_commits = 0;  // applied though another owner had acquired: never, if checked
  uint64_t redo_given = 0;          // acquires that found some
  uint64_t cells_deferred = 0;
  std::string redo_violation;  // where the redo laid over the cells is not the state

  StoredTask& task(int32_t partition) { return tasks_[partition]; }
  bool has(int32_t partition) const { return tasks_.contains(partition); }
  int64_t applied(int32_t partition, const std::string& topic) {
    const auto& offsets = task(partition).applied;
    const auto found = offsets.find(topic);
    return found == offsets.end() ? -1 : found->second;
  }
  // What is committed, wherever it is kept.
  OwnedBytes value(int32_t partition, uint32_t state, const std::string& key) {
    return ValueIn(CommittedValues(task(partition)), state, key);
  }
  // What the value's own cell has, which may be behind.
  OwnedBytes cell(int32_t partition, uint32_t state, const std::string& key) {
    return ValueIn(task(partition).values, state, key);
  }

 private:
  using Values = std::map<std::pair<uint32_t, std::string>, std::string>;

  static OwnedBytes ValueIn(const Values& values, uint32_t state, const std::string& key) {
    const auto found = values.find({state, key});
    return found == values.end() ? OwnedBytes() : OwnedBytes(found->second);
  }

 public:
  // Everything it holds, to be put back later: a store that went back in time.
  using Tasks = std::map<int32_t, StoredTask>;
  const Tasks& tasks() const { return tasks_; }
  void Restore(Tasks tasks) { tasks_ = std::move(tasks); }

  Result<commit::Acquired> Acquire(const commit::AcquireRequest& request) {
    StoredTask& task = tasks_[request.partition];
    if (!task.group.empty() && task.group != request.group) {
      return Fatal("state belongs to group " + task.group + ", not to " + request.group);
    }
    if (task.partition_count != 0 && task.partition_count != request.partition_count) {
      return Fatal("state was written with " + std::to_string(task.partition_count) +
                   " partitions, the topics have " + std::to_string(request.partition_count));
    }
    const bool owned = !task.group.empty();
    if (owned && !CanRead(request.versions, task.versions)) {
      return Fatal("state" + WhyUnreadable(request.versions, task.versions));
    }
    commit::Acquired acquired{.seq = task.seq,
                              .applied = {},
                              .former_owner = task.owner,
                              .published_seq = task.published_seq};
    for (const auto& [topic, offset] : task.applied) acquired.applied.push_back({topic, offset});
    for (const auto& [seq, packed] : task.outbox) {
      auto entry = commit::Unpack(seq, packed);
      if (!entry) return Fatal("outbox entry " + std::to_string(seq) + " is damaged");
      acquired.outbox.push_back(*std::move(entry));
    }
    for (const auto& [seq, packed] : task.redo) {
      if (!commit::IsRedoEntry(Slice(packed))) {
        return Fatal("redo entry " + std::to_string(seq) + " is damaged");
      }
      if (gives_redo) acquired.redo.push_back({seq, packed});
    }
    redo_given += task.redo.empty() ? 0 : 1;
    for (const auto& [at, seen] : task.seen) acquired.seen.push_back(seen);
    if (!knows_crashes && request.crash) task.crashes[request.crash->topic].ids.clear();
    CountCrash(request.crash, task.applied, &task.crashes);
    for (const auto& [topic, crash] : task.crashes) acquired.crashes.push_back({topic, crash});
    acquired.aside_count = task.aside.size();
    if (task.aside.size() <= commit::kAsideListedMax) {
      for (const auto& [name, packed] : task.aside) acquired.aside.push_back(name);
    }
    if (!owned) task.versions.oldest = request.versions.written;
    task.versions.newest = request.versions.written;
    task.epoch = request.epoch;
    task.owner = request.owner;
    task.group = request.group;
    task.partition_count = request.partition_count;
    return acquired;
  }

  // A commit as it travels: its own copy of everything.
  struct Commit {
    int32_t partition = 0;
    commit::Epoch epoch;
    uint64_t expected_seq = 0;
    uint64_t seq = 0;
    Offsets applied;
    struct Write {
      commit::WriteOp::Kind kind;
      uint32_t state;
      std::string key, field, value;
    };
    std::vector<Write> writes;
    std::string packed = {};  // for the outbox; empty: no outputs
    uint64_t published_seq = 0;
    std::vector<uint64_t> trimmed = {};
    std::vector<SeenOutput> seen = {};
    std::string redo = {};
    std::vector<uint64_t> redo_trimmed = {};
    std::vector<commit::AsideEntry> aside = {};
  };

  commit::CommitResult Apply(const Commit& commit) {
    StoredTask& task = tasks_[commit.partition];
    // Emptied: nobody else owns the task, it is not known any more.
    if (checks_epoch && task.epoch.empty()) return commit::CommitResult::kDiverged;
    if (checks_epoch && task.epoch != commit.epoch) return commit::CommitResult::kFenced;
    if (checks_seq && task.seq != commit.expected_seq) return commit::CommitResult::kDiverged;
    if (rejects) return commit::CommitResult::kRejected;
    if (task.epoch != commit.epoch) ++superseded_commits;
    for (const Commit::Write& write : commit.writes) ApplyWrite(&task, write);
    ApplyRedo(&task, commit);
    CheckRedo(task, commit);
    for (const commit::AsideEntry& entry : commit.aside) {
      if (keeps_aside) task.aside[entry.name] = entry.packed;
      if (on_aside) on_aside(commit.partition, entry.name, task);
    }
    for (const TopicOffset& applied : commit.applied) task.applied[applied.topic] = applied.offset;
    task.seq = commit.seq;
    for (const uint64_t seq : commit.trimmed) task.outbox.erase(seq);
    if (!commit.packed.empty() && keeps_outbox) task.outbox[commit.seq] = commit.packed;
    if (commit.published_seq > 0) task.published_seq = commit.published_seq;
    for (const SeenOutput& seen : commit.seen) task.seen[{seen.topic, seen.source}] = seen;
    ++commits_applied;
    return commit::CommitResult::kApplied;
  }

 private:
  static void Set(Values* values, uint32_t state, Slice key, Slice value) {
    if (value.is_null()) {
      values->erase({state, std::string(key.view())});
    } else {
      (*values)[{state, std::string(key.view())}] = value.view();
    }
  }
  static bool Has(const StoredTask& task, const commit::RedoCell& cell) {
    for (const auto& [seq, packed] : task.redo) {
      commit::RedoReader reader{Slice(packed)};
      while (const commit::RedoCell* kept = reader.Next()) {
        if (kept->state == cell.state && kept->key == cell.key) return true;
      }
    }
    return false;
  }
  void ApplyRedo(StoredTask* task, const Commit& commit) {
    if (!keeps_redo) task->redo.clear();
    for (const uint64_t seq : commit.redo_trimmed) task->redo.erase(seq);
    std::string kept = commit.redo;
    commit::RedoReader reader{Slice(commit.redo)};
    commit::RedoWriter writer(&reader.states());
    while (const commit::RedoCell* cell = commit.redo.empty() ? nullptr : reader.Next()) {
      ++cells_deferred;
      Set(&task->told_values, cell->state, cell->key, cell->value);
      if (defers_held || !Has(*task, *cell)) {
        writer.Add(*cell);
      } else {
        Set(&task->values, cell->state, cell->key, cell->value);
      }
    }
    if (!defers_held) kept = writer.Finish();
    if (!kept.empty()) task->redo[commit.seq] = std::move(kept);
  }
  void CheckRedo(const StoredTask& task, const Commit& commit) {
    if (task.redo.empty() && task.values == task.told_values) return;
    if (CommittedValues(task) == task.told_values || !redo_violation.empty()) return;
    redo_violation = "unit " + std::to_string(commit.seq) + " of task " +
                     std::to_string(commit.partition) +
                     ": the redo laid over the cells is not the state";
  }

  static void ApplyWrite(StoredTask* task, const Commit::Write& write) {
    using Kind = commit::WriteOp::Kind;
    const std::pair<uint32_t, std::string> at(write.state, write.key);
    switch (write.kind) {
      case Kind::kPutValue:
        task->values[at] = write.value;
        task->told_values[at] = write.value;
        return;
      case Kind::kEraseValue:
        task->values.erase(at);
        task->told_values.erase(at);
        return;
      case Kind::kPutField:
        task->maps[at][write.field] = write.value;
        return;
      case Kind::kEraseField:
        task->maps[at].erase(write.field);
        return;
      case Kind::kEraseMap:
        task->maps.erase(at);
        return;
    }
  }

  Tasks tasks_;
};

}  // namespace millrace::fakes
