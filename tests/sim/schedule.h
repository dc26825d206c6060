// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sim/host.h"
#include "sim/poison.h"
#include "sim/rows.h"

namespace millrace::sim {

inline constexpr int32_t kTasks = 3;
inline constexpr size_t kSlots = 3;  // hosts

struct Outcome {
  std::string violation;  // empty: every invariant holds
  uint64_t trace = 0;     // equal for equal schedules of equal code
  int events = 0;
  int faults = 0;
  RowCounts rows;
};

// One random schedule, all of it from its seed: hosts that run the real lane against a simulated
// broker and store, faults among their steps, then calm until everything is done, then a recount.
class Schedule {
 public:
  // `verbose`: tells on stdout what it does.
  Schedule(uint64_t seed, Breaks breaks, bool verbose = false);
  Outcome Run();

 private:
  // A host: a name, and the process that runs at the moment.
  struct Slot {
    std::string name;
    std::unique_ptr<Process> process;  // null: crashed
    bool in_group = false;
    bool frozen = false;  // SIGSTOP
    int restart_in = 0;   // actions; 0: not planned
    int expel_in = 0;
    int thaw_in = 0;
    int notice_in = 0;                     // an expelled one hears of it
    std::map<int32_t, CrashMark> crashes;  // of its processes, not told yet; by task
  };

  // --- Randomness and the trace.
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  void Tell(const std::string& what) const;
  void Trace(uint64_t what) { trace_ = (trace_ ^ what) * 0x100000001b3ull; }
  Slot& AnySlot() { return slots_[static_cast<size_t>(Below(static_cast<int>(kSlots)))]; }

  // --- The steps of a schedule.
  void Act();
  void Produce(int count);
  void Progress(Slot* slot);
  void Micro(Process* process);
  void Tick(Slot* slot);
  void Snapshot();
  fakes::TestFunction MakeFunction(uint64_t seed);
  int32_t Handle(fakes::HandlerEvent& event);
  void HandleBatch(std::span<fakes::HandlerEvent> events, std::span<int32_t> outcomes);
  int32_t HandleGood(fakes::HandlerEvent& event);
  void StepProcess(Process* process);

  // --- Records that end the process (poisoned.cc).
  bool Ends(std::span<fakes::HandlerEvent> events);
  bool MustNotRun(const Poison::At& at);
  void NoteEnough();
  void ForgetEnough() {
    store_is_whole_ = false;
    enough_.clear();
  }
  bool Charges(const CrashCount& crash, const Poison::At& at) const;
  void EndProcess(const fakes::HandlerEvent& first, size_t together);
  void BuryDead();
  void MendWhatStopped();
  void OnPutAside(int32_t partition, const AsideName& name, const fakes::StoredTask& task);
  std::string CheckPoison();
  bool NeverHandled(int32_t partition, int64_t offset) const;

  // --- The group.
  void Start(Slot* slot);
  void Join(Slot* slot);
  void Expel(Slot* slot);
  void StartRebalance(Millis drain_max);
  void StepRebalance();
  void FinishRebalance();
  bool TakesPart(const Slot& slot) const { return slot.in_group && slot.process && !slot.frozen; }

  // --- Faults (faults.cc).
  void Fault();
  void Crash(Slot* slot);
  void CrashAll();
  void Freeze(Slot* slot);
  void Notice(Slot* slot);
  void Disconnect(Slot* slot);
  void Stall(Slot* slot);
  void GoBack();
  void LoseStore();
  void Outage();
  void StartAll(const LossPolicies& policies, int partition_count);
  void SettleBroker();
  // All hosts are started; true once one of them refuses the function for a reason with `words`.
  bool Refuses(const std::string& words);
  void LoseState();
  void ResetOffsets();
  void PassRetention();
  void ChangePartitionCount();
  int64_t ProgressOf(int32_t partition);

  // --- The end (finish.cc).
  bool Finish();
  void Calm();
  void CalmStep(Process* process);
  bool Done();
  void CheckStore();
  std::string Check();
  std::string CheckState(int32_t partition);
  std::string CheckOutputs();
  std::string Phases();
  bool Skipped(int32_t partition, int64_t offset) const;

  uint64_t seed_;
  bool verbose_;
  std::mt19937_64 random_;
  uint64_t trace_ = 0xcbf29ce484222325ull;
  HostSettings settings_;
  Cluster cluster_;
  Poison poison_;
  fakes::TestFunction function_;
  Process* stepping_ = nullptr;
  int mended_ = 0;               // libraries
  std::set<Poison::At> enough_;  // were charged often enough
  bool store_is_whole_ = true;   // it has never forgotten anything
  std::array<Slot, kSlots> slots_;
  bool rebalancing_ = false;
  SteadyTime rebalance_until_{};
  int partition_count_ = kTasks;
  int events_left_ = 0;
  std::array<std::vector<fakes::StoredRecord>, kTasks> produced_;  // by partition, kept for ever
  std::vector<fakes::FakeDatabase::Tasks> snapshots_;
  bool store_faults_ = true;  // over once what a store would be rebuilt from is gone
  bool slow_ = true;          // handlers may be
  struct Range {
    int32_t partition;
    int64_t from, to;
  };
  std::vector<Range> skipped_;
  std::set<std::string> may_repeat_;  // ids
  std::string violation_;
  Outcome outcome_;
};

}  // namespace millrace::sim
