// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "commit/commit_store.h"
#include "state/state_reader.h"

namespace millrace::embedded {

class MemoryStore;

// One lane's access to a MemoryStore: both ports, as one connection to a real store would serve
// them. Requests are executed when they are started and answered when they are polled. One lane,
// its thread.
class MemoryStorePort final : public state::StateReader, public commit::CommitStore {
 public:
  MemoryStorePort(std::shared_ptr<MemoryStore> store, std::string name_space, std::string function,
                  std::vector<state::StateDecl> states, state::ReadView view);

  state::ReadId StartRead(int32_t partition, std::span<const state::ReadItem> items) override;
  bool PollRead(state::ReadReply* reply) override;
  state::ReadReply ReadNow(int32_t partition, std::span<const state::ReadItem> items) override;
  state::ReadReply ReadWholeMapNow(int32_t partition, uint32_t state, Slice key) override;

  void StartAcquire(const commit::AcquireRequest& request) override;
  bool PollAcquire(commit::AcquireReply* reply) override;
  void StartCommit(const commit::CommitRequest& request) override;
  bool PollCommit(commit::CommitReply* reply) override;
  uint64_t connection_number() const override { return 1; }
  // A poll would give something.
  bool has_answers() const { return !reads_.empty() || !acquires_.empty() || !commits_.empty(); }

  // Another generation of the library declares other states.
  void SetStates(std::vector<state::StateDecl> states) { states_ = std::move(states); }

 private:
  std::string TaskName(int32_t partition) const;
  std::string Describe(int32_t partition) const;

  std::shared_ptr<MemoryStore> store_;
  std::string name_space_;
  std::string function_;
  std::vector<state::StateDecl> states_;
  state::ReadView view_;
  state::ReadId last_read_ = 0;
  std::deque<state::ReadReply> reads_;
  std::deque<commit::AcquireReply> acquires_;
  std::deque<commit::CommitReply> commits_;
};

// The state of all functions in the memory of this process, for `millrace dev`: the same answers as
// from a real store, fencing included, and nothing survives the process. Shared by lanes; one lock,
// held for one request.
class MemoryStore {
 public:
  struct Task {
    bool owned = false;  // by anybody, ever
    std::string epoch;
    std::string owner;
    std::string group;
    int partition_count = 0;
    StoredVersions versions;
    uint64_t seq = 0;
    std::map<std::string, int64_t> applied;
    uint64_t published_seq = 0;
    std::map<uint64_t, commit::Publication> outbox;                  // by seq
    std::map<uint64_t, std::string> redo;                            // by seq, packed
    std::map<std::pair<std::string, std::string>, SeenOutput> seen;  // by topic and source
    std::map<std::string, CrashCount> crashes;                       // by topic
    std::map<AsideName, std::string> aside;                          // packed
    std::unordered_map<std::string, std::unordered_map<std::string, std::string>> values;
    std::unordered_map<std::string,
                       std::unordered_map<std::string, std::map<std::string, std::string>>>
        maps;  // state → key → field → value
  };

  // The port of one lane of one function.
  static std::unique_ptr<MemoryStorePort> Open(std::shared_ptr<MemoryStore> store,
                                               std::string name_space, std::string function,
                                               std::vector<state::StateDecl> states,
                                               state::ReadView view = state::ReadView::kOwner);

  // Runs `use` on the task of that name while nobody else can.
  template <class Use>
  auto With(const std::string& task, Use use) {
    const std::lock_guard lock(mutex_);
    return use(tasks_[task]);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, Task> tasks_;
};

}  // namespace millrace::embedded
