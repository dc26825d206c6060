// SPDX-License-Identifier: Apache-2.0
// What a schedule makes of records that end the process.
#include <algorithm>

#include "commit/published_note.h"
#include "sim/schedule.h"

namespace millrace::sim {
namespace {

constexpr std::string_view kStops = " has ended the function's process ";

}  // namespace

// Whether the call must not go on: its process has ended, or it is to be made again later.
bool Schedule::Ends(std::span<fakes::HandlerEvent> events) {
  for (const fakes::HandlerEvent& event : events) {
    const Poison::At at{event.raw().partition, event.offset()};
    const Poison::Effect effect = poison_.Of(at);
    if (effect == Poison::Effect::kNone) continue;
    if (effect == Poison::Effect::kAgain || stepping_->dead()) return true;
    if (MustNotRun(at)) violation_ = "called once more: " + Coordinates("in", at.first, at.second);
    poison_.Ended(at, events.size());
    outcome_.rows.Hit(events.size() == 1 ? Row::kPoisonAlone : Row::kPoisonTogether);
    EndProcess(events.front(), events.size());
    return true;
  }
  return false;
}

// The owner that the store knows has been told that it has ended the process often enough, or a
// former owner had been.
bool Schedule::MustNotRun(const Poison::At& at) {
  const fakes::StoredTask& task = cluster_.database.task(at.first);
  const bool by_owner = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.process.get() == stepping_ && task.owner == "mr.default.test." + slot.name + ".0";
  });
  const auto kept = task.crashes.find("in");
  return by_owner &&
         (enough_.contains(at) || (kept != task.crashes.end() && Charges(kept->second, at)));
}

// Which records have been charged often enough, while the store has forgotten nothing.
void Schedule::NoteEnough() {
  for (int32_t partition = 0; partition < kTasks; ++partition) {
    const auto& crashes = cluster_.database.task(partition).crashes;
    const auto kept = crashes.find("in");
    if (kept == crashes.end() || poison_.HasFlaky(partition)) continue;
    const Poison::At at{partition, kept->second.offset};
    if (store_is_whole_ && Charges(kept->second, at)) enough_.insert(at);
  }
}

void Schedule::EndProcess(const fakes::HandlerEvent& first, size_t together) {
  const int32_t partition = first.raw().partition;
  for (Slot& slot : slots_) {
    if (slot.process.get() != stepping_) continue;
    slot.crashes[partition] = {.topic = "in",
                               .offset = first.offset(),
                               .together = static_cast<uint32_t>(together),
                               .hash12 = function_.hash12,
                               .id = poison_.NextId()};
  }
  stepping_->Die();
}

void Schedule::BuryDead() {
  for (Slot& slot : slots_) {
    if (slot.process && slot.process->dead()) Crash(&slot);
  }
}

// A function without a store stops at a record. Its library is mended, and all hosts get it.
void Schedule::MendWhatStopped() {
  if (settings_.stateful) return;
  std::string text;
  for (const Slot& slot : slots_) {
    const auto reason = slot.process ? slot.process->lane->stop_reason() : std::nullopt;
    if (reason && reason->text.find(kStops) != std::string::npos) text = reason->text;
  }
  if (text.empty()) return;
  outcome_.rows.Hit(Row::kPoisonStops);
  const auto is_it = [&](const Poison::At& at) {
    return text.starts_with(Coordinates("in", at.first, at.second) + std::string(kStops));
  };
  const auto& deadly = poison_.deadly();
  const auto found = std::find_if(deadly.begin(), deadly.end(), is_it);
  if (found == deadly.end()) {
    violation_ = "it stops at what is no poison: " + text;
    return;
  }
  const auto committed = cluster_.broker.Committed({"in", found->first});
  const auto note = committed ? commit::NoteOf(committed->metadata) : std::nullopt;
  if (!note || !note->crash || !Charges(*note->crash, *found)) {
    violation_ = "what is kept beside the offset does not say so: " + text;
    return;
  }
  poison_.Mend();
  function_.hash12 = "ba98765432" + std::to_string(10 + mended_++);
  CrashAll();
  StartAll(settings_.policies, kTasks);
}

void Schedule::OnPutAside(int32_t partition, const AsideName& name, const fakes::StoredTask& task) {
  outcome_.rows.Hit(Row::kPutAside);
  const Poison::At at{partition, name.offset};
  const std::string what = Coordinates(name.topic, partition, name.offset) + " is put aside ";
  if (!poison_.IsDeadly(at)) violation_ = what + "and is no poison";
  const auto kept = task.crashes.find(name.topic);
  if (kept == task.crashes.end() || !Charges(kept->second, at)) {
    violation_ = what + "and has not ended the process often enough";
  }
}

// Whether the count is enough, and no more than what has happened. It may be above the limit: a
// host tells of its crash when it gets the task again, and another one may have reached it since.
bool Schedule::Charges(const CrashCount& crash, const Poison::At& at) const {
  return crash.offset == at.second && crash.count >= settings_.max_crashes &&
         crash.count <= poison_.charged(at);
}

bool Schedule::NeverHandled(int32_t partition, int64_t offset) const {
  return Skipped(partition, offset) || poison_.IsDeadly({partition, offset});
}

// What can never be handled lies aside, whole, and nothing else does.
std::string Schedule::CheckPoison() {
  for (const Poison::At& place : poison_.deadly()) {
    const int32_t partition = place.first;
    const int64_t offset = place.second;
    if (Skipped(partition, offset)) continue;
    const std::string at = Coordinates("in", partition, offset);
    if (!settings_.stateful) return at + " was passed over, and the function has no store";
    const auto& aside = cluster_.database.task(partition).aside;
    const auto found = aside.find({std::string(kAsideCrash), "in", offset});
    if (found == aside.end()) return at + " was passed over and does not lie aside";
    const commit::AsideReader reader{Slice(found->second)};
    const auto& records = produced_[static_cast<size_t>(partition)];
    const auto record = std::find_if(records.begin(), records.end(),
                                     [&](const auto& each) { return each.offset == offset; });
    if (reader.damaged() || reader.record().key != Borrow(record->key) ||
        reader.record().value != Borrow(record->value)) {
      return at + " does not lie aside as it was";
    }
  }
  for (int32_t partition = 0; partition < kTasks; ++partition) {
    for (const auto& [name, packed] : cluster_.database.task(partition).aside) {
      if (poison_.IsDeadly({partition, name.offset})) continue;
      return Coordinates(name.topic, partition, name.offset) + " lies aside and is no poison";
    }
  }
  return "";
}

}  // namespace millrace::sim
