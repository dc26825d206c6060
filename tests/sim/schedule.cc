// SPDX-License-Identifier: Apache-2.0
#include "sim/schedule.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

namespace millrace::sim {
namespace {

using fakes::HandlerEvent;

const std::vector<Use> kStateful = {{1, UseKind::kValue, "counts"}, {2, UseKind::kOutput, "out"}};
const std::vector<Use> kStateless = {{2, UseKind::kOutput, "out"}};
constexpr int kActions = 260;
constexpr int kEvents = 200;
constexpr int kFaultsMin = 5;
constexpr size_t kSnapshotsMax = 4;
constexpr Millis kDrainMax{5'000};

}  // namespace

Schedule::Schedule(uint64_t seed, Breaks breaks, bool verbose)
    : seed_(seed),
      verbose_(verbose),
      random_(seed * 0x9e3779b97f4a7c15ull + 1),
      poison_(seed),
      function_(MakeFunction(seed)) {
  settings_.stateful = seed % 5 < 4;
  settings_.delivery = Below(4) == 0 ? Delivery::kAtLeastOnce : Delivery::kExactlyOnce;
  settings_.policies.on_state_loss = OnStateLoss::kRebuild;
  settings_.breaks = breaks;
  settings_.max_records = Below(12) + 1;
  settings_.commit_max_effects = static_cast<size_t>(Below(6)) + 1;
  settings_.commit_interval = Millis(Below(40) + 1);
  constexpr std::array<size_t, 4> kCacheBytes = {1, 500, 1'500, 1 << 20};
  settings_.cache_bytes = kCacheBytes[static_cast<size_t>(Below(4))];
  settings_.state_write_interval = Millis(Below(2) == 0 ? Below(50) : Below(1'000));
  settings_.redo_bytes_max = Below(4) == 0 ? 60 : 1 << 20;
  settings_.max_crashes = poison_.max_crashes();
  cluster_.database.on_aside = [this](int32_t partition, const AsideName& name,
                                      const fakes::StoredTask& task) {
    OnPutAside(partition, name, task);
  };
  cluster_.database.knows_crashes = !breaks.crash_id;
  cluster_.database.keeps_aside = !breaks.aside;
  cluster_.database.checks_epoch = !breaks.epoch;
  cluster_.database.checks_seq = !breaks.cas;
  cluster_.database.keeps_outbox = !breaks.outbox;
  cluster_.database.gives_redo = !breaks.redo_replay;
  cluster_.database.keeps_redo = !breaks.redo_trim;
  cluster_.database.defers_held = !breaks.redo_direct;
  events_left_ = kEvents + Below(40);
  outcome_.events = events_left_;
  for (size_t i = 0; i < kSlots; ++i) slots_[i].name = "h" + std::to_string(i);
  Tell(std::string(settings_.stateful ? "stateful" : "stateless") +
       (settings_.delivery == Delivery::kExactlyOnce ? ", exactly once" : ", at least once"));
  const size_t first = 2 + static_cast<size_t>(Below(2));
  for (size_t i = 0; i < first; ++i) Start(&slots_[i]);
}

void Schedule::Tell(const std::string& what) const {
  if (!verbose_) return;
  std::string all = what;
  for (int32_t partition = 0; partition < kTasks; ++partition) {
    const auto committed = cluster_.broker.Committed({"in", partition});
    const auto task = cluster_.database.tasks().find(partition);
    all += " | " + std::to_string(partition) + ": ";
    if (task != cluster_.database.tasks().end()) {
      const auto applied = task->second.applied.find("in");
      all += "applied " +
             std::to_string(applied == task->second.applied.end() ? -1 : applied->second) +
             " seq " + std::to_string(task->second.seq) + " by " + task->second.owner + ", ";
    }
    all += committed ? "committed " + std::to_string(committed->offset) + " " + committed->metadata
                     : "none committed";
  }
  std::puts(all.c_str());
}

fakes::TestFunction Schedule::MakeFunction(uint64_t seed) {
  const std::vector<Use>& uses = seed % 5 < 4 ? kStateful : kStateless;
  if (!poison_.batches()) return {uses, [this](HandlerEvent& event) { return Handle(event); }};
  return {uses, [this](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
            HandleBatch(events, outcomes);
          }};
}

int32_t Schedule::Handle(HandlerEvent& event) {
  return Ends({&event, 1}) ? MR_RETRY : HandleGood(event);
}

void Schedule::HandleBatch(std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
  std::fill(outcomes.begin(), outcomes.end(), MR_RETRY);
  if (Ends(events)) return;
  for (size_t i = 0; i < events.size(); ++i) outcomes[i] = HandleGood(events[i]);
}

// Counts the events of a key and emits as many outputs as the event's value says.
int32_t Schedule::HandleGood(HandlerEvent& event) {
  if (slow_ && Below(400) == 0) cluster_.clock.Advance(Millis(Below(2'000)));
  if (slow_ && Below(300) == 0) return MR_RETRY;
  std::string text(event.value().view());
  if (settings_.stateful) {
    const Slice known = event.Get(1);
    const int count = known.is_null() ? 0 : std::stoi(std::string(known.view()));
    text = std::to_string(count + 1);
    event.Put(1, text);
  }
  const int outputs = event.value().view()[0] - '0';
  for (int i = 0; i < outputs; ++i) {
    event.Emit(2, i == 0 ? event.key() : Slice("other"), text);
  }
  return MR_DONE;
}

Outcome Schedule::Run() {
  const int faults = kFaultsMin + Below(4);
  const int every = kActions / (faults + 1);
  for (int i = 1; i <= kActions && violation_.empty(); ++i) {
    Act();
    if (i % every == 0 && outcome_.faults < faults) {
      ++outcome_.faults;
      Fault();
    }
  }
  if (violation_.empty() && !Finish()) violation_ = "it does not come to an end" + Phases();
  if (violation_.empty()) violation_ = Check();
  outcome_.rows.hits[static_cast<size_t>(Row::kRedoTakenOver)] += cluster_.database.redo_given;
  outcome_.violation = violation_;
  Trace(cluster_.database.commits_applied);
  for (const auto& [partition, entries] : cluster_.broker.outputs()) Trace(entries.size());
  outcome_.trace = trace_;
  return outcome_;
}

void Schedule::Act() {
  if (events_left_ > 0 && Below(2) == 0) Produce(std::min(events_left_, Below(5) + 1));
  for (Slot& slot : slots_) Tick(&slot);
  for (Slot& slot : slots_) {
    if (slot.process && !slot.frozen && Below(4) != 0) Progress(&slot);
    BuryDead();
    if (slot.process && slot.frozen) slot.process->store.Execute(static_cast<size_t>(Below(2)));
  }
  if (Below(2) == 0) cluster_.clock.Advance(Millis(Below(30)));
  if (Below(2) == 0) cluster_.broker.CompleteOne();
  cluster_.broker.Expire(cluster_.clock.Now(), kTransactionTimeout);
  if (!cluster_.late.empty() && Below(6) == 0) {
    cluster_.database.Apply(cluster_.late.front());
    cluster_.late.erase(cluster_.late.begin());
  }
  if (Below(30) == 0) Snapshot();
  StepRebalance();
  CheckStore();
  NoteEnough();
  MendWhatStopped();
}

void Schedule::Produce(int count) {
  events_left_ -= count;
  for (; count > 0; --count) {
    const TopicPartition to{"in", Below(kTasks)};
    fakes::StoredRecord record{.timestamp_ms = cluster_.clock.UnixMillis(),
                               .key = "key" + std::to_string(Below(4)),
                               .value = std::to_string(Below(3))};
    record.offset = cluster_.log.at(to).end;
    cluster_.log.Append(to, record);
    poison_.OnProduced({to.partition, record.offset});
    produced_[static_cast<size_t>(to.partition)].push_back(std::move(record));
    if (Below(8) == 0) cluster_.log.AddMarkers(to, 1);
  }
}

void Schedule::Progress(Slot* slot) {
  const int steps = Below(5) + 1;
  for (int i = 0; i < steps && !slot->process->dead(); ++i) Micro(slot->process.get());
  Trace(slot->process->store.outstanding() * kSlots + slot->process->tasks.size());
}

void Schedule::Micro(Process* process) {
  switch (Below(6)) {
    case 0:
    case 1:
      return StepProcess(process);
    case 2:
      return process->store.Execute(static_cast<size_t>(Below(6)));
    case 3:
      return process->store.Deliver(static_cast<size_t>(Below(6)));
    case 4:
      for (int i = Below(8); i >= 0 && process->transactions.Advance(); --i) {
      }
      return;
    default:
      process->group.Advance();
      return process->AdvanceOutputs(static_cast<size_t>(Below(8)), static_cast<size_t>(Below(8)));
  }
}

void Schedule::StepProcess(Process* process) {
  stepping_ = process;
  process->Step();
  stepping_ = nullptr;
}

// What was planned for a host.
void Schedule::Tick(Slot* slot) {
  const auto due = [](int* in) { return *in > 0 && --*in == 0; };
  if (due(&slot->expel_in)) Expel(slot);
  if (due(&slot->restart_in) && !slot->process) Start(slot);
  if (due(&slot->thaw_in) && slot->frozen) {
    slot->frozen = false;
    if (!slot->in_group) {
      outcome_.rows.Hit(Row::kZombie);
      slot->notice_in = Below(40) + 1;
    }
  }
  if (due(&slot->notice_in)) Notice(slot);
}

void Schedule::Snapshot() {
  if (snapshots_.size() == kSnapshotsMax) {
    snapshots_.erase(snapshots_.begin() + Below(static_cast<int>(kSnapshotsMax)));
  }
  snapshots_.push_back(cluster_.database.tasks());
}

void Schedule::Start(Slot* slot) {
  Tell("start " + slot->name);
  Trace(1);
  slot->process =
      std::make_unique<Process>(&cluster_, settings_, slot->name, function_.generation());
  slot->frozen = false;
  slot->restart_in = slot->thaw_in = slot->notice_in = 0;
  Join(slot);
}

void Schedule::Join(Slot* slot) {
  if (slot->in_group) Expel(slot);  // the member of a former process, by its session
  slot->expel_in = 0;
  slot->process->member.id = cluster_.broker.Join();
  slot->in_group = true;
  StartRebalance(kDrainMax);
}

void Schedule::Expel(Slot* slot) {
  if (!slot->in_group) return;
  Tell("expel " + slot->name);
  slot->in_group = false;
  if (slot->process) {
    cluster_.broker.Remove(slot->process->member.id);
    if (!slot->frozen) slot->notice_in = Below(20) + 1;
  }
  StartRebalance(kDrainMax);
}

// Range: every member gives up everything, then every partition is assigned anew.
void Schedule::StartRebalance(Millis drain_max) {
  if (rebalancing_) return;
  Trace(2);
  rebalancing_ = true;
  rebalance_until_ = cluster_.clock.Now() + drain_max;
  for (Slot& slot : slots_) {
    if (slot.in_group && slot.frozen) {  // its session ends meanwhile
      slot.in_group = false;
      cluster_.broker.Remove(slot.process->member.id);
    }
    if (!TakesPart(slot)) continue;
    const std::set<int32_t> tasks = slot.process->tasks;
    for (const int32_t partition : tasks) slot.process->Revoke(partition);
  }
}

void Schedule::StepRebalance() {
  bool released = true;
  for (Slot& slot : slots_) {
    if (!slot.process || slot.frozen) continue;
    const std::string metadata = slot.process->member.metadata;
    for (const lane::ReleasedTask& task : slot.process->TakeReleased()) {
      cluster_.broker.Commit(task.final_offsets, metadata);
    }
    if (TakesPart(slot)) released = released && slot.process->revoking.empty();
  }
  if (!rebalancing_) return;
  if (released || cluster_.clock.Now() >= rebalance_until_) FinishRebalance();
}

void Schedule::FinishRebalance() {
  Tell("rebalanced");
  rebalancing_ = false;
  cluster_.broker.NewGeneration();
  std::vector<Slot*> members;
  for (Slot& slot : slots_) {
    if (!TakesPart(slot)) continue;
    const std::set<int32_t> late = slot.process->revoking;
    for (const int32_t partition : late) slot.process->Abandon(partition);
    slot.process->member.metadata = cluster_.broker.MetadataOf(slot.process->member.id);
    members.push_back(&slot);
  }
  if (members.empty()) return;
  for (int32_t partition = 0; partition < kTasks; ++partition) {
    Slot* to = members[static_cast<size_t>(Below(static_cast<int>(members.size())))];
    Trace(static_cast<uint64_t>(partition) * kSlots + static_cast<uint64_t>(to - &slots_[0]));
    const auto crash = to->crashes.extract(partition);
    to->process->Assign(partition, partition_count_,
                        crash ? std::optional(crash.mapped()) : std::nullopt);
  }
}

}  // namespace millrace::sim
