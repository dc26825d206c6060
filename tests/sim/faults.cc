// SPDX-License-Identifier: Apache-2.0
// What a schedule does to its hosts, store and broker.
#include <algorithm>

#include "sim/schedule.h"

namespace millrace::sim {
namespace {

constexpr int kRefusalRounds = 60;

}  // namespace

void Schedule::Fault() {
  const int kind = Below(20);
  Trace(static_cast<uint64_t>(kind) + 100);
  switch (kind) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return Crash(&AnySlot());
    case 6:
    case 7:
    case 8:
      return Freeze(&AnySlot());
    case 9:
      return StartRebalance(Millis(5'000));
    case 10:
    case 11:
      return StartRebalance(Millis(Below(20)));  // the drain takes too long
    case 12:
    case 13:
      return Disconnect(&AnySlot());
    case 14:
    case 15:
      return Stall(&AnySlot());
    case 16:
    case 17:
      return GoBack();
    case 18:
      return LoseStore();
    default:
      return Outage();
  }
}

void Schedule::Crash(Slot* slot) {
  Tell("crash " + slot->name);
  if (!slot->process) return Start(slot);
  Process& process = *slot->process;
  if (process.store.commits_unexecuted() > 0) outcome_.rows.Hit(Row::kBeforeStore);
  if (process.store.commits_unanswered() > 0) outcome_.rows.Hit(Row::kReplyLost);
  if (process.has_unpublished()) outcome_.rows.Hit(Row::kBeforePublished);
  if (process.transactions.has_news()) outcome_.rows.Hit(Row::kAfterPublished);
  for (const int32_t partition : process.tasks) {
    if (!cluster_.database.task(partition).redo.empty()) outcome_.rows.Hit(Row::kCrashWithRedo);
  }
  for (auto& commit : process.store.LeaveLate()) cluster_.late.push_back(std::move(commit));
  process.transactions.Stall(Below(2) == 0);
  process.AdvanceOutputs(static_cast<size_t>(Below(8)), 0);
  const std::string member = process.member.id;
  slot->process.reset();
  cluster_.broker.Remove(member);
  slot->frozen = false;
  slot->thaw_in = slot->notice_in = 0;
  slot->restart_in = Below(40) + 1;
  if (slot->in_group) slot->expel_in = Below(30) + 1;
}

void Schedule::CrashAll() {
  Tell("CrashAll");
  for (Slot& slot : slots_) {
    if (slot.process) Crash(&slot);
    slot.restart_in = slot.expel_in = 0;
    slot.in_group = false;
  }
  rebalancing_ = false;
}

void Schedule::Freeze(Slot* slot) {
  Tell("freeze " + slot->name);
  if (!slot->process || slot->frozen) return;
  slot->frozen = true;
  slot->expel_in = Below(25) + 1;
  slot->thaw_in = slot->expel_in + Below(50) + 1;
}

// An expelled member hears that it has lost everything, and joins again.
void Schedule::Notice(Slot* slot) {
  Tell("notice " + slot->name);
  if (!slot->process || slot->in_group) return;
  const std::set<int32_t> tasks = slot->process->tasks;
  for (const int32_t partition : tasks) slot->process->Abandon(partition);
  Join(slot);
}

void Schedule::Disconnect(Slot* slot) {
  Tell("disconnect " + slot->name);
  if (!slot->process) return;
  if (slot->process->store.commits_unanswered() > 0) outcome_.rows.Hit(Row::kReplyLost);
  for (auto& commit : slot->process->store.LeaveLate()) cluster_.late.push_back(std::move(commit));
  slot->process->store.Reconnect();
}

void Schedule::Stall(Slot* slot) {
  Tell("stall " + slot->name);
  if (!slot->process || !slot->process->transactions.in_transaction()) return Crash(slot);
  slot->process->transactions.Stall(Below(2) == 0);
  if (!slot->process->transactions.stalled()) return;
  outcome_.rows.Hit(Row::kTransactionTimesOut);
  if (Below(2) == 0) cluster_.clock.Advance(kTransactionTimeout);
}

void Schedule::GoBack() {
  Tell("GoBack");
  if (snapshots_.empty() || !store_faults_ || !settings_.stateful) return Crash(&AnySlot());
  ForgetEnough();
  const int last = static_cast<int>(snapshots_.size()) - 1;
  const auto to = static_cast<size_t>(std::max(0, last - Below(3)));
  const fakes::FakeDatabase::Tasks snapshot = snapshots_[to];
  snapshots_.resize(to + 1);  // what was copied later is no past of this store any more
  bool behind = false;
  for (const auto& [partition, task] : snapshot) {
    const auto applied = task.applied.find("in");
    const auto committed = cluster_.broker.Committed({"in", partition});
    if (!task.redo.empty()) outcome_.rows.Hit(Row::kWentBackWithRedo);
    behind = behind ||
             (committed && applied != task.applied.end() && applied->second < committed->offset);
  }
  if (behind) outcome_.rows.Hit(Row::kStoreWentBack);
  cluster_.database.Restore(snapshot);
  for (Slot& slot : slots_) Disconnect(&slot);
}

void Schedule::LoseStore() {
  Tell("LoseStore");
  if (!store_faults_ || !settings_.stateful) return Crash(&AnySlot());
  outcome_.rows.Hit(Row::kStoreLost);
  ForgetEnough();
  cluster_.database.Restore({});
  snapshots_.clear();
  if (Below(2) == 0) {
    for (Slot& slot : slots_) Disconnect(&slot);
  }
}

// Everything is down, something is not what it was when the hosts come back, and they say so.
void Schedule::Outage() {
  CrashAll();
  SettleBroker();
  while (!cluster_.late.empty()) {
    cluster_.database.Apply(cluster_.late.front());
    cluster_.late.erase(cluster_.late.begin());
  }
  slow_ = false;
  poison_.Disarm();
  switch (settings_.stateful ? Below(4) : 0) {
    case 0:
      PassRetention();
      break;
    case 1:
      LoseState();
      break;
    case 2:
      ResetOffsets();
      break;
    default:
      ChangePartitionCount();
      break;
  }
  slow_ = true;
  poison_.Arm();
  if (!violation_.empty()) return;
  CrashAll();
  StartAll(settings_.policies, kTasks);
}

void Schedule::SettleBroker() {
  cluster_.clock.Advance(kTransactionTimeout);
  cluster_.broker.Expire(cluster_.clock.Now(), kTransactionTimeout);
  while (cluster_.broker.CompleteOne()) {
  }
}

void Schedule::StartAll(const LossPolicies& policies, int partition_count) {
  settings_.policies = policies;
  partition_count_ = partition_count;
  for (Slot& slot : slots_) Start(&slot);
}

bool Schedule::Refuses(const std::string& words) {
  for (int round = 0; round < kRefusalRounds; ++round) {
    for (Slot& slot : slots_) CalmStep(slot.process.get());
    cluster_.broker.CompleteOne();
    StepRebalance();
    cluster_.clock.Advance(Millis(20));
    for (Slot& slot : slots_) {
      for (const lane::TaskStatus& task : slot.process->lane->Tasks(cluster_.clock.Now())) {
        const bool stopped = task.phase == lane::TaskPhase::kStopped;
        if (stopped && task.reason.find(words) != std::string::npos) return true;
      }
    }
  }
  violation_ = "nobody refuses the function with \"" + words + "\"" + Phases();
  return false;
}

int64_t Schedule::ProgressOf(int32_t partition) {
  if (settings_.stateful) return cluster_.database.applied(partition, "in");
  const auto committed = cluster_.broker.Committed({"in", partition});
  return committed ? committed->offset : -1;
}

void Schedule::LoseState() {
  Tell("LoseState");
  const fakes::FakeDatabase::Tasks kept = cluster_.database.tasks();
  const LossPolicies policies = settings_.policies;
  cluster_.database.Restore({});
  bool any = false;
  for (int32_t partition = 0; partition < kTasks; ++partition) {
    any = any || cluster_.broker.Committed({"in", partition});
  }
  if (!any) return cluster_.database.Restore(kept);
  outcome_.rows.Hit(Row::kStoreLost);
  LossPolicies fail = policies;
  fail.on_state_loss = OnStateLoss::kFail;
  StartAll(fail, kTasks);
  Refuses("is missing, while group");
  CrashAll();
  cluster_.database.Restore(kept);  // from a backup
  settings_.policies = policies;
}

void Schedule::ResetOffsets() {
  Tell("ResetOffsets");
  const int32_t partition = Below(kTasks);
  const TopicPartition at{"in", partition};
  auto& committed = cluster_.broker.committed();
  const LossPolicies policies = settings_.policies;
  const auto former = cluster_.broker.Committed(at);
  const int64_t applied = cluster_.database.applied(partition, "in");
  // Nobody can tell what was published if the store went back, too.
  if (!former || applied < former->offset) return;
  outcome_.rows.Hit(Row::kOffsetsReset);
  fakes::StoredTask& task = cluster_.database.task(partition);
  // What was published last is known to the group alone until the next unit: without it the
  // entries that are still in the outbox may be published again.
  for (const auto& [seq, packed] : task.outbox) {
    commit::OutboxReader reader{Slice(packed)};
    while (reader.Next()) {
      may_repeat_.insert(std::string(reader.Id().view()));
    }
  }
  // Until the task has published again, nobody could tell what was if the store went back as well.
  store_faults_ = false;
  const bool forward = Below(2) == 0;
  if (forward) {
    committed[at] = {applied + 1 + Below(5), ""};
  } else {
    committed.erase(at);
  }
  const bool seen =
      forward || (settings_.delivery == Delivery::kExactlyOnce && task.published_seq > 0);
  LossPolicies fail = policies;
  fail.on_offset_reset = OnOffsetReset::kFail;
  StartAll(fail, kTasks);
  if (seen) Refuses(forward ? "is behind its group" : "has lost its offsets");
  CrashAll();
  SettleBroker();
  settings_.policies = policies;
  settings_.policies.on_offset_reset = OnOffsetReset::kApplied;
}

void Schedule::PassRetention() {
  Tell("PassRetention");
  const int32_t partition = Below(kTasks);
  const int64_t progress = ProgressOf(partition);
  const int64_t end = cluster_.log.at({"in", partition}).end;
  const auto committed = cluster_.broker.Committed({"in", partition});
  // What is published beyond a state that is behind is there, though its events are skipped.
  if (progress < 0 || end - progress < 2 || (committed && committed->offset > progress)) return;
  const int64_t to = progress + 1 + Below(static_cast<int>(end - progress - 1));
  outcome_.rows.Hit(Row::kRetention);
  store_faults_ = false;
  cluster_.log.Truncate({"in", partition}, to);
  skipped_.push_back({partition, progress, to});
  const LossPolicies policies = settings_.policies;
  LossPolicies fail = policies;
  fail.on_retention_loss = OnRetentionLoss::kFail;
  StartAll(fail, kTasks);
  Refuses("no longer retained");
  CrashAll();
  SettleBroker();
  settings_.policies = policies;
  settings_.policies.on_retention_loss = OnRetentionLoss::kSkip;
}

void Schedule::ChangePartitionCount() {
  Tell("ChangePartitionCount");
  bool any = false;
  for (const auto& [partition, task] : cluster_.database.tasks()) any = any || task.seq > 0;
  if (!any) return;
  outcome_.rows.Hit(Row::kPartitionCount);
  const fakes::FakeDatabase::Tasks kept = cluster_.database.tasks();
  StartAll(settings_.policies, kTasks + 1);
  Refuses("partitions");
  CrashAll();
  cluster_.database.Restore(kept);  // tasks that had no state yet have begun with the new count
  SettleBroker();
}

}  // namespace millrace::sim
