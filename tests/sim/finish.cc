// SPDX-License-Identifier: Apache-2.0
// The end of a schedule: everything works again, the rest is done, and the result is recounted.
#include <algorithm>
#include <map>

#include "commit/published_note.h"
#include "effects/emit_buffer.h"
#include "sim/schedule.h"

namespace millrace::sim {
namespace {

constexpr int kRoundsMax = 1'500;
constexpr Millis kRound{25};

struct Expected {
  std::string id;
  std::string value;
};

int32_t TaskOf(const std::string& id) { return id[sizeof("test/in/") - 1] - '0'; }
int64_t OffsetOf(const std::string& id) { return std::stoll(id.substr(sizeof("test/in/0/") - 1)); }

}  // namespace

bool Schedule::Finish() {
  slow_ = false;
  Produce(events_left_);
  for (Slot& slot : slots_) {
    if (slot.frozen) {
      slot.frozen = false;
      if (!slot.in_group) outcome_.rows.Hit(Row::kZombie);
    }
    if (!slot.process) Start(&slot);
    if (!slot.in_group) Notice(&slot);
    Disconnect(&slot);  // a task without input hears of a lost store no other way
  }
  for (int round = 0; round < kRoundsMax; ++round) {
    Calm();
    if (round > 4 && Done()) return true;
    if (!violation_.empty()) return true;
  }
  return false;
}

void Schedule::CalmStep(Process* process) {
  StepProcess(process);
  if (process->dead()) return;
  process->store.Settle();
  for (int i = 0; i < 64 && process->transactions.Advance(); ++i) {
  }
  while (process->group.Advance()) {
  }
  process->AdvanceOutputs(SIZE_MAX, SIZE_MAX);
}

void Schedule::Calm() {
  while (!cluster_.late.empty()) {
    cluster_.database.Apply(cluster_.late.front());
    cluster_.late.erase(cluster_.late.begin());
  }
  bool stalled = false;
  for (Slot& slot : slots_) {
    CalmStep(slot.process.get());
    BuryDead();
    if (!slot.process) Start(&slot);
    stalled = stalled || slot.process->transactions.stalled();
    MendWhatStopped();
    if (!violation_.empty()) return;
    if (const auto reason = slot.process->lane->stop_reason()) {
      violation_ = "the function stopped: " + reason->text;
    }
  }
  while (cluster_.broker.CompleteOne()) {
  }
  StepRebalance();
  cluster_.clock.Advance(stalled ? Millis(1'000) : kRound);
  cluster_.broker.Expire(cluster_.clock.Now(), kTransactionTimeout);
  CheckStore();
  NoteEnough();
}

void Schedule::CheckStore() {
  if (cluster_.database.superseded_commits > 0) {
    violation_ = "a commit of a superseded owner was applied";
  }
  if (!cluster_.database.redo_violation.empty()) violation_ = cluster_.database.redo_violation;
}

bool Schedule::Done() {
  if (rebalancing_ || !cluster_.broker.settled()) return false;
  for (int32_t partition = 0; partition < kTasks; ++partition) {
    const int64_t end = cluster_.log.at({"in", partition}).end;
    if (end == 0) continue;
    if (settings_.stateful && cluster_.database.applied(partition, "in") != end) return false;
    if (!cluster_.database.task(partition).redo.empty()) return false;
    const auto committed = cluster_.broker.Committed({"in", partition});
    // An offset without a note was set by hand, and says nothing about what is published.
    if (!committed || committed->offset != end || !commit::NoteOf(committed->metadata))
      return false;
  }
  return std::none_of(slots_.begin(), slots_.end(),
                      [](const Slot& slot) { return slot.process->has_unpublished(); });
}

std::string Schedule::Phases() {
  std::string all;
  for (const Slot& slot : slots_) {
    if (!slot.process) continue;
    for (const lane::TaskStatus& task : slot.process->lane->Tasks(cluster_.clock.Now())) {
      const auto committed = cluster_.broker.Committed({"in", task.partition});
      all += "\n  " + slot.name + " task " + std::to_string(task.partition) + " " +
             std::string(lane::TaskPhaseName(task.phase)) + " " + task.reason + ", applied " +
             std::to_string(cluster_.database.applied(task.partition, "in")) + ", committed " +
             (committed ? std::to_string(committed->offset) + " " + committed->metadata : "none") +
             ", end " + std::to_string(cluster_.log.at({"in", task.partition}).end);
    }
    for (size_t i = slot.process->told.size() - std::min<size_t>(4, slot.process->told.size());
         i < slot.process->told.size(); ++i) {
      all += "\n    " + slot.name + " told: " + slot.process->told[i];
    }
  }
  return all;
}

bool Schedule::Skipped(int32_t partition, int64_t offset) const {
  return std::any_of(skipped_.begin(), skipped_.end(), [&](const Range& range) {
    return range.partition == partition && offset >= range.from && offset < range.to;
  });
}

std::string Schedule::Check() {
  for (int32_t partition = 0; partition < kTasks && settings_.stateful; ++partition) {
    if (std::string wrong = CheckState(partition); !wrong.empty()) return wrong;
  }
  if (std::string wrong = CheckPoison(); !wrong.empty()) return wrong;
  return CheckOutputs();
}

std::string Schedule::CheckState(int32_t partition) {
  std::map<std::string, int> counts;
  for (const fakes::StoredRecord& record : produced_[static_cast<size_t>(partition)]) {
    if (!NeverHandled(partition, record.offset)) ++counts[*record.key];
  }
  for (const auto& [key, count] : counts) {
    const std::string stored = cluster_.database.cell(partition, 0, key).value_or("none");
    if (stored != std::to_string(count)) {
      return key + " of task " + std::to_string(partition) + " is " + stored + ", not " +
             std::to_string(count);
    }
  }
  return "";
}

// Exactly once: what a read_committed reader finds is, per task and output partition, what a plain
// recount gives, in input order. At least once: its first occurrences are.
std::string Schedule::CheckOutputs() {
  std::map<std::pair<int32_t, int32_t>, std::vector<Expected>> expected;  // output, task
  for (int32_t task = 0; task < kTasks; ++task) {
    std::map<std::string, int> counts;
    for (const fakes::StoredRecord& record : produced_[static_cast<size_t>(task)]) {
      if (NeverHandled(task, record.offset)) continue;
      const std::string value =
          settings_.stateful ? std::to_string(++counts[*record.key]) : *record.value;
      const int outputs = (*record.value)[0] - '0';
      for (int i = 0; i < outputs; ++i) {
        const Slice key = i == 0 ? Slice(*record.key) : Slice("other");
        const std::string id = "test/in/" + std::to_string(task) + "/" +
                               std::to_string(record.offset) + "/" + std::to_string(i);
        expected[{effects::PartitionOfKey(key, kOutputPartitions), task}].push_back({id, value});
      }
    }
  }
  const bool exactly = settings_.delivery == Delivery::kExactlyOnce;
  std::map<std::pair<int32_t, int32_t>, size_t> found;
  for (const auto& [output, entries] : cluster_.broker.outputs()) {
    std::set<std::string> seen;
    for (const OutputEntry& entry : entries) {
      if (entry.status != OutputEntry::Status::kCommitted) continue;
      const int32_t task = TaskOf(entry.id);
      // At least once, an event may have been run by an owner that did not get as far as its
      // commit.
      if (!exactly && Skipped(task, OffsetOf(entry.id))) continue;
      const bool first = seen.insert(entry.id).second;
      if (!first && exactly && !may_repeat_.contains(entry.id)) return "twice: " + entry.id;
      if (!first) continue;
      const std::vector<Expected>& wanted = expected[{output, task}];
      size_t& at = found[{output, task}];
      if (at == wanted.size()) return "one too many: " + entry.id;
      if (entry.id != wanted[at].id) return "expected " + wanted[at].id + ", found " + entry.id;
      // At least once, an owner that is superseded and does not know it yet may have read newer
      // state than its own position.
      if (exactly && entry.value != wanted[at].value) {
        return entry.id + " says " + entry.value + ", not " + wanted[at].value;
      }
      ++at;
    }
  }
  for (const auto& [where, wanted] : expected) {
    if (found[where] < wanted.size()) return "missing: " + wanted[found[where]].id;
  }
  return "";
}

}  // namespace millrace::sim
