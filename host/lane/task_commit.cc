// SPDX-License-Identifier: Apache-2.0
// What a task commits: units are closed, sent, and what was left to be written to the cells of the
// store later is written by later ones.
#include <algorithm>

#include "lane/lane_task.h"
#include "lane/ownership.h"

namespace millrace::lane {
namespace {

// Puts the cells of a unit where they go.
class UnitCells final : public state::TaskState::UnitSink {
 public:
  UnitCells(Unit* unit, commit::RedoWriter* redo) : unit_(unit), redo_(redo) {}

  void Write(const state::TaskState::DirtyCell& cell) override {
    using Kind = commit::WriteOp::Kind;
    Kind kind = cell.value.is_null() ? Kind::kEraseValue : Kind::kPutValue;
    if (cell.is_map && cell.field.is_null()) kind = Kind::kEraseMap;
    if (cell.is_map && !cell.field.is_null()) {
      kind = cell.value.is_null() ? Kind::kEraseField : Kind::kPutField;
    }
    unit_->Write({.kind = kind,
                  .state = cell.state,
                  .key = cell.key,
                  .field = cell.field,
                  .value = cell.value});
  }
  void Defer(const state::TaskState::DirtyCell& cell) override {
    redo_->Add({.state = cell.state, .key = cell.key, .value = cell.value});
  }
  void Trim(uint64_t seq) override { unit_->redo_trimmed.push_back(seq); }

 private:
  Unit* unit_;
  commit::RedoWriter* redo_;
};

}  // namespace

bool LaneTask::Commit(SteadyTime now) {
  Chain& chain = own_->chain;
  if (const auto failed = chain.FirstFailed()) {
    std::string at;
    for (const TopicOffset& from : *failed->from) {
      at += (at.empty() ? "" : ", ") + Coordinates(from.topic, task_.partition, from.offset);
    }
    Refused(at + ": an output of the events from here on: " + failed->ticket->failed->message);
    if (!own_) return true;
  }
  const bool due = chain.has_progress()
                       ? now >= chain.open().opened + lane_->settings.commit_interval
                       : MayFlush() && now >= FlushDue();
  if (due) CloseUnit(now);
  if (lane_->ports.store) {
    chain.Send(lane_->ports.store, kUnitsInFlightMax);
    return false;
  }
  bool settled = false;
  while (const auto seq = chain.Settled()) {
    Applied(*seq);
    settled = true;
  }
  return settled;
}

// Deferred state is written by the units that events fill. When none has come for a while, by
// units of its own.
bool LaneTask::MayFlush() const {
  return own_->state && own_->state->any_deferred() && !own_->chain.has_progress() &&
         own_->chain.closed_count() < kUnitsClosedMax;
}

SteadyTime LaneTask::FlushDue() const {
  const LaneSettings& settings = lane_->settings;
  return own_->state->deferred_due(settings.state_write_interval + settings.commit_interval);
}

// Before the task is given up, so that the next owner finds everything in its cell.
void LaneTask::FlushAll(SteadyTime now) {
  while (MayFlush()) CloseUnit(now);
}

void LaneTask::CloseUnit(SteadyTime now) {
  const bool progress = own_->chain.has_progress();
  Unit& unit = own_->chain.Close();
  // One that moves no offset has nothing to be published.
  if (lane_->exactly_once() && progress) {
    unit.publication = own_->outbox.Finish(unit.seq, unit.applied);
  }
  for (size_t topic = 0; own_->seen_count > 0 && topic < own_->seen.size(); ++topic) {
    for (const auto& [source, mark] : own_->seen[topic].marks()) {
      unit.seen.push_back({.topic = task_.topics[topic].topic,
                           .source = source,
                           .offset = mark.offset,
                           .index = mark.index});
    }
    own_->seen[topic].Clear();
  }
  own_->seen_count = 0;
  if (!own_->state) return;
  unit.effects = own_->state->dirty_count();
  const LaneSettings& settings = lane_->settings;
  UnitCells cells(&unit, &own_->redo);
  own_->state->CloseUnit(
      {.seq = unit.seq,
       .now = now,
       .limits = {.write_interval = settings.state_write_interval,
                  .redo_bytes_max = settings.redo_bytes_max,
                  .effects_max = settings.commit_max_effects,
                  .bytes_max = settings.commit_max_bytes},
       .due = draining_ ? state::Deferrals::Due::kAll : state::Deferrals::Due::kNow},
      &cells);
  unit.redo = own_->redo.Finish();
}

// What a former owner left to be written later is the state; it waits as if this owner had left it.
Status LaneTask::TakeOverRedo(const StartedTask& started, SteadyTime now) {
  for (const commit::RedoEntry& entry : started.redo) {
    if (entry.seq > started.seq) {
      return Fatal("the redo of task " + std::to_string(task_.partition) + " holds unit " +
                   std::to_string(entry.seq) + ", the state is at " + std::to_string(started.seq) +
                   ": only a part of the task's keys is there; restore all of them, or rebuild " +
                   "the state");
    }
    commit::RedoReader reader{Slice(entry.packed)};
    while (const commit::RedoCell* cell = reader.Next()) {
      const std::string& name = reader.states()[cell->state];
      const auto& states = lane_->states;
      const auto state = std::find_if(states.begin(), states.end(), [&](const auto& decl) {
        return decl.kind == state::StateKind::kValue && decl.name == name;
      });
      if (state == states.end()) {
        return Fatal("the redo of task " + std::to_string(task_.partition) +
                     " holds values of state " + name +
                     ", which is no value state of the library any more: run a library that has " +
                     "it once and stop it in order, which writes them, or rebuild the state");
      }
      own_->state->AddRedoCell(entry.seq, now,
                               {.state = static_cast<uint32_t>(state - states.begin()),
                                .key = cell->key,
                                .value = cell->value});
    }
    own_->state->AddRedoEntry(entry.seq, entry.packed.size());
  }
  return {};
}

}  // namespace millrace::lane
