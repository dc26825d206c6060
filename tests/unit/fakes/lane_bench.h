// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lane/lane.h"
#include "unit/fakes/fake_group.h"
#include "unit/fakes/fake_outputs.h"
#include "unit/fakes/fake_records.h"
#include "unit/fakes/fake_store.h"
#include "unit/fakes/test_function.h"

namespace millrace::fakes {

// What every host of a test shares: the broker's log and group, the store's data, the time.
struct World {
  FakeLog log;
  FakeGroup group;
  FakeDatabase database;
  ManualClock clock;
  uint64_t next_epoch = 1;
};

class RecordingObserver final : public lane::LaneObserver {
 public:
  std::vector<std::string> logged;    // "coordinates: text"
  std::vector<std::string> not_done;  // "outcome: message"
  std::vector<std::string> changes;

  void HandlerLogged(uint32_t, std::string_view text, const std::string& at) override {
    logged.push_back(at + ": " + std::string(text));
  }
  void EventNotDone(invoke::Outcome outcome, const std::string& message) override {
    not_done.push_back(std::string(invoke::OutcomeName(outcome)) + ": " + message);
  }
  void TaskChanged(const std::string& message) override { changes.push_back(message); }
};

enum class Stateful { kNo, kYes };

// One lane with its own connections to a World, stepped by hand.
class LaneBench {
 public:
  LaneBench(World* world, Stateful stateful, std::vector<std::string> topics = {"in"})
      : source(&world->log),
        store(&world->database),
        group(&world->group, &world->log, topics),
        world_(world),
        topics_(std::move(topics)),
        stateful_(stateful) {
    settings.function = "test";
    settings.group = "millrace.default.test";
    settings.owner = "mr.default.test.host.0";
    settings.outputs = {"out"};
    sink.partition_counts[0] = 4;
  }

  FakeRecordSource source;
  FakeStore store;
  FakeGroupOffsets group;
  FakeOutputSink sink;
  RecordingObserver observer;
  observe::LaneCounters counters;
  lane::LaneSettings settings;
  std::unique_ptr<lane::Lane> lane;
  bool deduplicate = false;                      // every topic
  commit::Transactions* transactions = nullptr;  // of a lane that is exactly once
  std::optional<CrashMark> crash;                // told with the next assignment

  Status Create(TestFunction* function) {
    lane::LanePorts ports;
    ports.records = &source;
    ports.outputs = &sink;
    ports.group = &group;
    ports.transactions = transactions;
    ports.observer = &observer;
    ports.counters = &counters;
    ports.clock = &world_->clock;
    if (stateful_ == Stateful::kYes) {
      ports.store = &store;
      ports.reader = &store;
    }
    ports.new_epoch = [world = world_] { return std::to_string(world->next_epoch++); };
    auto created = lane::Lane::Create(settings, std::move(ports), function->generation());
    if (!created) return created.error();
    lane = *std::move(created);
    return {};
  }

  void Assign(int32_t partition = 0, int partition_count = 4) {
    lane::TaskAssignment task{
        .partition = partition, .partition_count = partition_count, .topics = {}};
    task.crash = std::exchange(crash, std::nullopt);
    for (const std::string& topic : topics_) {
      task.topics.push_back({.topic = topic, .filter = {}, .deduplicate = deduplicate});
    }
    lane->Assign(std::move(task));
  }

  SteadyTime Step() { return lane->Step(world_->clock.Now()); }
  // Steps until there is nothing more to do at this time; false if that never comes.
  bool Run(int steps_max = 10'000) {
    for (int i = 0; i < steps_max; ++i) {
      const SteadyTime due = Step();
      const bool news =
          sink.has_news() || group.has_news() || (stateful_ == Stateful::kYes && store.has_news());
      if (due > world_->clock.Now() && !news) return true;
    }
    return false;
  }
  void Advance(Millis by) { world_->clock.Advance(by); }
  // Runs through `by` of time in steps of 10 ms.
  bool RunFor(Millis by) {
    for (Millis done{0}; done < by; done += Millis(10)) {
      if (!Run()) return false;
      Advance(Millis(10));
    }
    return Run();
  }
  // Runs until everything at hand is committed: two commit intervals.
  bool RunAndCommit() { return RunFor(settings.commit_interval * 2); }

  lane::TaskStatus Task(int32_t partition = 0) const {
    for (lane::TaskStatus& task : lane->Tasks(world_->clock.Now())) {
      if (task.partition == partition) return task;
    }
    lane::TaskStatus none;
    none.partition = partition;
    none.phase = lane::TaskPhase::kReleased;
    return none;
  }

 private:
  World* world_;
  std::vector<std::string> topics_;
  Stateful stateful_;
};

}  // namespace millrace::fakes
