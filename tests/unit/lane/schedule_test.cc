// SPDX-License-Identifier: Apache-2.0
// Random schedules of two lanes of two hosts that share one store: whatever happens to replies,
// connections and assignments, every event counts once in the state.
#include <gmock/gmock.h>

#include <array>
#include <map>
#include <random>
#include <set>

#include "unit/fakes/lane_bench.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::LaneBench;
using fakes::Stateful;
using fakes::TestFunction;

const std::vector<Use> kUses = {{1, UseKind::kValue, "counts"}, {2, UseKind::kOutput, "out"}};
constexpr int32_t kPartitions = 2;
constexpr int kActions = 250;

int32_t CountAndEmit(HandlerEvent& event) {
  const Slice known = event.Get(1);
  const int count = known.is_null() ? 0 : std::stoi(std::string(known.view()));
  const std::string next = std::to_string(count + 1);
  event.Put(1, next);
  event.Emit(2, event.key(), next, 0);
  return MR_DONE;
}

// What a schedule may do to the checks of the store.
struct Checks {
  bool epoch = true;
  bool seq = true;
};

class Schedule {
 public:
  Schedule(uint64_t seed, Checks checks) : random_(seed) {
    world_.database.checks_epoch = checks.epoch;
    world_.database.checks_seq = checks.seq;
    world_.group.applied_of = [this](const TopicPartition& at) {
      return world_.database.applied(at.partition, at.topic);
    };
    for (auto& host : hosts_) {
      host = std::make_unique<LaneBench>(&world_, Stateful::kYes);
      host->settings.batch.max_records = Below(7) + 1;
      host->settings.commit_max_effects = Below(4) + 1;
      host->settings.commit_interval = Millis(Below(50) + 1);
      host->settings.fenced_wait = Millis(300);
      host->settings.cache_bytes = Below(2) == 0 ? 1 : 1 << 20;
      host->store.held = true;
      host->sink.held = true;
      EXPECT_TRUE(host->Create(&function_));
    }
    owner_.fill(-1);
  }

  // Empty when all went well, else what did not.
  std::string Run() {
    for (int i = 0; i < kActions; ++i) Act();
    if (!Finish()) return "the events did not all reach the state" + Phases();
    if (!world_.group.violations.empty()) return world_.group.violations.front();
    for (int32_t partition = 0; partition < kPartitions; ++partition) {
      if (std::string wrong = Recount(partition); !wrong.empty()) return wrong;
    }
    return CheckOutputs();
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  LaneBench& Any() { return *hosts_[static_cast<size_t>(Below(2))]; }

  void Act() {
    LaneBench& host = Any();
    switch (Below(14)) {
      case 0:
      case 1:
        return Produce();
      case 2:
      case 3:
      case 4:
      case 5:
        host.Step();
        return TakeReleased();
      case 6:
        return world_.clock.Advance(Millis(Below(60)));
      case 7:
      case 8:
        return host.store.Execute(static_cast<size_t>(Below(4)));
      case 9:
        return host.store.Deliver(static_cast<size_t>(Below(4)));
      case 10:
        return host.sink.Acknowledge(static_cast<size_t>(Below(6)));
      case 11:
        return Below(6) == 0 ? Reconnect(&host) : LateCommit();
      default:
        return Below(3) == 0 ? Move(Below(kPartitions)) : host.store.Settle();
    }
  }

  void Produce() {
    const TopicPartition to{"in", Below(kPartitions)};
    world_.log.Append(to, {.timestamp_ms = world_.clock.UnixMillis(),
                           .key = "key" + std::to_string(Below(3)),
                           .value = "v"});
    if (Below(5) == 0) world_.log.AddMarkers(to, 1);
  }

  void Reconnect(LaneBench* host) {
    for (auto& commit : host->store.LeaveLate()) late_.push_back(std::move(commit));
    host->store.Reconnect();
  }
  void LateCommit() {
    if (late_.empty()) return;
    world_.database.Apply(late_.front());
    late_.erase(late_.begin());
  }

  // The group moves a task: in order (revoke, then assign), or at once as after an expiry, when the
  // former owner may not know yet.
  void Move(int32_t partition) {
    const int owner = owner_[static_cast<size_t>(partition)];
    const int next = Below(2);
    if (owner >= 0 && moving_.contains(partition)) return;
    if (owner < 0) {
      Give(partition, next);
    } else if (Below(2) == 0) {
      moving_.insert(partition);
      hosts_[static_cast<size_t>(owner)]->lane->Revoke(partition);
    } else if (next != owner) {
      zombies_.insert({owner, partition});
      superseded_.insert(partition);
      Give(partition, next);
    }
  }
  void Give(int32_t partition, int host) {
    LaneBench& to = *hosts_[static_cast<size_t>(host)];
    if (zombies_.erase({host, partition}) > 0) to.lane->Abandon(partition);
    to.Assign(partition);
    owner_[static_cast<size_t>(partition)] = host;
  }
  void TakeReleased() {
    for (auto& host : hosts_) {
      for (const ReleasedTask& released : host->lane->TakeReleased()) {
        world_.group.Commit(released.final_offsets);
        moving_.erase(released.partition);
        owner_[static_cast<size_t>(released.partition)] = -1;
      }
    }
  }

  // Everything works from here on: whoever lost a task hears of it, and the rest is done.
  bool Finish() {
    for (const auto& [host, partition] : zombies_) {
      hosts_[static_cast<size_t>(host)]->lane->Abandon(partition);
    }
    zombies_.clear();
    for (auto& host : hosts_) {
      host->store.held = false;
      host->sink.held = false;
      host->store.Settle();
    }
    for (int round = 0; round < 200; ++round) {
      while (!late_.empty()) LateCommit();
      for (auto& host : hosts_) {
        if (!host->Run()) return false;
      }
      TakeReleased();
      for (int32_t partition = 0; partition < kPartitions; ++partition) {
        if (owner_[static_cast<size_t>(partition)] < 0) Give(partition, 0);
      }
      world_.clock.Advance(Millis(50));
      if (round > 20 && Done()) return true;
    }
    return Done();
  }
  std::string Phases() {
    std::string all;
    for (size_t host = 0; host < hosts_.size(); ++host) {
      for (const TaskStatus& task : hosts_[host]->lane->Tasks(world_.clock.Now())) {
        const std::string at = std::to_string(task.partition);
        all += "; host " + std::to_string(host) + " task " + at + " is " +
               std::string(TaskPhaseName(task.phase)) + " " + task.reason + ", applied " +
               std::to_string(world_.database.applied(task.partition, "in")) + " of " +
               std::to_string(world_.log.at({"in", task.partition}).end);
      }
    }
    return all;
  }
  bool Done() {
    for (int32_t partition = 0; partition < kPartitions; ++partition) {
      const int64_t end = world_.log.at({"in", partition}).end;
      if (world_.database.applied(partition, "in") != end) return false;
    }
    return true;
  }

  std::string Recount(int32_t partition) {
    std::map<std::string, int> counts;
    for (const auto& record : world_.log.at({"in", partition}).records) ++counts[*record.key];
    for (const auto& [key, count] : counts) {
      const std::string stored = world_.database.value(partition, 0, key).value_or("none");
      if (stored != std::to_string(count)) {
        return key + " of task " + std::to_string(partition) + " is " + stored + ", not " +
               std::to_string(count);
      }
    }
    return "";
  }

  // Each event's output is there as its rightful owner computed it, and the first occurrences in
  // one owner's sink are in the order of their offsets. Repeats say the same, unless a superseded
  // owner was at work: what it reads may be newer than its own position.
  std::string CheckOutputs() {
    std::map<std::string, std::set<std::string>> by_id;
    for (auto& host : hosts_) {
      for (const auto& record : host->sink.produced) by_id[record.id].insert(*record.value);
    }
    for (int32_t partition = 0; partition < kPartitions; ++partition) {
      std::map<std::string, int> counts;
      for (const auto& record : world_.log.at({"in", partition}).records) {
        const std::string id =
            "test/in/" + std::to_string(partition) + "/" + std::to_string(record.offset) + "/0";
        if (!by_id[id].contains(std::to_string(++counts[*record.key]))) return "no output " + id;
        if (by_id[id].size() > 1 && !superseded_.contains(partition)) return "two outputs of " + id;
      }
    }
    return FirstsInOrder();
  }
  std::string FirstsInOrder() {
    for (auto& host : hosts_) {
      std::set<std::string> seen;
      std::map<std::string, int64_t> last;
      for (const auto& record : host->sink.produced) {
        if (!seen.insert(record.id).second) continue;
        const std::string task = record.id.substr(0, std::string("test/in/0").size());
        const int64_t offset = std::stoll(record.id.substr(task.size() + 1));
        if (last.contains(task) && last[task] > offset) return "out of order: " + record.id;
        last[task] = offset;
      }
    }
    return "";
  }

  std::mt19937_64 random_;
  fakes::World world_;
  TestFunction function_{kUses, CountAndEmit};
  std::array<std::unique_ptr<LaneBench>, 2> hosts_;
  std::array<int, kPartitions> owner_{};       // -1: nobody
  std::set<int32_t> moving_;                   // revoked, not released yet
  std::set<std::pair<int, int32_t>> zombies_;  // host, partition
  std::set<int32_t> superseded_;               // tasks that had two owners at a time
  std::vector<fakes::FakeDatabase::Commit> late_;
};

TEST(Schedule, EveryEventCountsOnceWhateverHappens) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    ASSERT_EQ(Schedule(seed, {}).Run(), "") << "seed " << seed;
  }
}

// The schedules are hard enough to notice a store without the protocol's checks.
TEST(Schedule, WithoutEpochAndSeqChecksEventsAreCountedTwice) {
  int wrong = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    wrong += Schedule(seed, {.epoch = false, .seq = false}).Run().empty() ? 0 : 1;
  }
  EXPECT_GT(wrong, 0);
}

}  // namespace
}  // namespace millrace::lane
