// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lane/lane.h"
#include "sim/ports.h"
#include "unit/fakes/fake_outputs.h"
#include "unit/fakes/fake_records.h"
#include "unit/fakes/fake_store.h"
#include "unit/fakes/test_function.h"

namespace millrace::sim {

// What all hosts share.
struct Cluster {
  fakes::FakeLog log;
  fakes::FakeDatabase database;
  Broker broker;
  ManualClock clock;
  uint64_t next_epoch = 1;
  std::vector<fakes::FakeDatabase::Commit> late;  // commits of dead connections, on their way
};

struct HostSettings {
  Delivery delivery = Delivery::kExactlyOnce;
  bool stateful = true;
  LossPolicies policies;
  Breaks breaks;
  int max_records = 5;
  size_t commit_max_effects = 3;
  Millis commit_interval{20};
  size_t cache_bytes = 1 << 20;
  Millis state_write_interval{100};
  size_t redo_bytes_max = 1 << 20;
  int max_crashes = 3;
};

// One process of a host: a lane with its connections, and what it knows of its group. Gone with the
// process; the name stays, so that the next one has the same transactional id.
class Process final : public lane::LaneObserver {
 public:
  Process(Cluster* cluster, const HostSettings& settings, const std::string& name,
          std::shared_ptr<const Generation> generation);
  ~Process() override;

  void Step();
  // Outputs of at least once: the broker writes `written` of what was produced, and acknowledges
  // `acknowledged` of it.
  void AdvanceOutputs(size_t written, size_t acknowledged);
  bool has_news() const {
    return store.has_news() || group.has_news() || transactions.has_news() || sink.has_news();
  }

  void Assign(int32_t partition, int partition_count, std::optional<CrashMark> crash);
  void Revoke(int32_t partition);
  void Abandon(int32_t partition);
  // Its handler ends it, while the lane is in the midst of a step.
  void Die();
  bool dead() const { return member.dead; }
  // Tasks that the lane has given up since, with their final offsets.
  std::vector<lane::ReleasedTask> TakeReleased();

  // One entry per fault that the process met, for the rows of the crash table.
  bool has_unsent_commits() const { return store.outstanding() > store.executed(); }
  bool has_lost_replies() const { return store.executed() > 0; }
  bool has_unpublished() const;

  Member member;
  std::set<int32_t> tasks;     // that it believes to own
  std::set<int32_t> revoking;  // and has to give up
  fakes::FakeRecordSource records;
  fakes::FakeStore store;
  SimTransactions transactions;
  SimGroupOffsets group;
  fakes::FakeOutputSink sink;
  std::unique_ptr<lane::Lane> lane;
  std::vector<std::string> told;

  void HandlerLogged(uint32_t, std::string_view, const std::string&) override {}
  void EventNotDone(invoke::Outcome, const std::string& message) override {
    told.push_back(message);
  }
  void TaskChanged(const std::string& message) override { told.push_back(message); }

 private:
  Cluster* cluster_;
  HostSettings settings_;
  observe::LaneCounters counters_;
  size_t written_ = 0;  // of sink.produced
};

}  // namespace millrace::sim
