// SPDX-License-Identifier: Apache-2.0
// What becomes of an event that has ended the process of its function too often.
#include <algorithm>

#include "lane/lane_task.h"
#include "lane/ownership.h"

namespace millrace::lane {
namespace {

std::string WhyAside(const CrashCount& crash) {
  return "has ended the function's process " + std::to_string(crash.count) + " times";
}

}  // namespace

size_t LaneTask::CallMax(const PreparedBatch& batch) {
  if (own_->crashes.idle()) return own_->call_max;
  const auto coming = std::span(batch.input.events).subspan(batch.next);
  return std::min(own_->call_max,
                  own_->crashes.CallMax(coming, lane_->invoker->generation().hash12));
}

// The next event of the batch is not called.
void LaneTask::PassOver(PreparedBatch* batch, SteadyTime now) {
  const ingest::InputEvent& event = batch->input.events[batch->next];
  const CrashCount crash = *own_->crashes.charged(event, lane_->invoker->generation().hash12);
  if (!lane_->ports.store) {
    return Stop(At(event) + " " + WhyAside(crash) +
                "; the function has no state to keep it aside in: mend the handler, or move the "
                "group's offset past it");
  }
  PutAside(event, crash, now);
  own_->retry.reset();
  ++batch->next;
  if (batch->next == batch->input.events.size()) FinishBatch(batch, now);
}

void LaneTask::PutAside(const ingest::InputEvent& event, const CrashCount& crash, SteadyTime now) {
  const std::string reason = WhyAside(crash);
  event.batch->ReadHeaders(event.index, &own_->event_headers);
  commit::AsideEntry entry{.name = {.kind = std::string(kAsideCrash),
                                    .topic = task_.topics[event.topic].topic,
                                    .offset = event.record->offset},
                           .packed = commit::Pack({.kind = kAsideCrash,
                                                   .reason = reason,
                                                   .hash12 = crash.hash12,
                                                   .count = static_cast<uint64_t>(crash.count),
                                                   .when_ms = lane_->ports.clock->UnixMillis(),
                                                   .timestamp_ms = event.record->timestamp_ms,
                                                   .key = event.record->key,
                                                   .value = event.record->value,
                                                   .headers = own_->event_headers}),
                           .reason = reason};
  size_t bytes = entry.packed.size() + own_->outbox.bytes();
  if (own_->state) bytes += own_->state->dirty_bytes();
  if (own_->chain.has_progress() && bytes > lane_->settings.commit_max_bytes) CloseUnit(now);
  own_->chain.open().aside.push_back(std::move(entry));
  own_->chain.Advance(event.topic, event.record->offset + 1, now);
  if (task_.topics[event.topic].deduplicate) MarkSeen(event, own_->event_headers);
  CloseUnit(now);
  own_->aside_on_its_way = true;
}

// It is in the store.
void LaneTask::LiesAside(const commit::AsideEntry& entry) {
  own_->aside_on_its_way = false;
  const std::string& topic = entry.name.topic;
  lane_->ports.counters->records_put_aside.Add();
  lane_->ports.observer->TaskChanged(
      "task " + std::to_string(task_.partition) + " goes on behind " +
      Coordinates(topic, task_.partition, entry.name.offset) + ", which " + entry.reason +
      ": put aside, kept whole in the store as \"" + commit::TextOf(entry.name) +
      "\" in the key :d of the task");
  const auto at = std::lower_bound(aside_.begin(), aside_.end(), entry.name);
  if (at != aside_.end() && *at == entry.name) return;
  ++aside_count_;
  aside_.insert(at, entry.name);
  if (aside_count_ > commit::kAsideListedMax) aside_.clear();
}

// What the group keeps of crashes for a function without a store, beside an offset.
std::optional<CrashCount> LaneTask::CrashAbove(size_t topic, int64_t offset) const {
  for (const TopicCrash& known : noted_) {
    if (known.topic == task_.topics[topic].topic && known.crash.offset >= offset) {
      return known.crash;
    }
  }
  return std::nullopt;
}

}  // namespace millrace::lane
