// SPDX-License-Identifier: Apache-2.0
// The record path of a task: fill, run. What follows, commit, is in task_commit.cc.
#include <algorithm>

#include "lane/lane_task.h"
#include "lane/ownership.h"

namespace millrace::lane {
namespace {

constexpr size_t kSeenMax = 1'000;  // sources in one unit
constexpr Millis kRetryMin{100};
constexpr Millis kRetryMax{30'000};

Millis RetryWait(uint32_t attempts) {
  const uint32_t doublings = std::min(attempts - 1, 9u);
  return std::min(kRetryMin * (int64_t{1} << doublings), kRetryMax);
}

}  // namespace

bool LaneTask::Fill(SteadyTime now) {
  const auto max = static_cast<size_t>(lane_->settings.batch.max_records);
  bool filled = false;
  while (own_->wants_batch()) {
    ingest::EventBatch& input = own_->filling.input;
    const size_t before = input.events.size();
    const Result<bool> found = own_->input->Fill(max - before, &input);
    if (!found && own_->batches.empty() && before == 0) Stop(found.error().message);
    lane_->ports.counters->records_ingested.Add(input.events.size() - before);
    if (!own_->fill_by) own_->fill_by = now + lane_->settings.batch.max_wait;
    const bool full = input.events.size() >= max;
    const bool wait = lane_->invoker->takes_batches() && !full && now < *own_->fill_by;
    if (input.position.empty()) own_->fill_by.reset();  // nothing yet
    if (input.position.empty() || wait) break;
    Push();
    filled = true;
    if (!full) break;
  }
  return filled;
}

void LaneTask::Push() {
  PreparedBatch* batch = own_->Push();
  observe::LaneCounters& counters = *lane_->ports.counters;
  counters.records_ingested.Add(batch->input.filtered + batch->input.repeats);
  counters.records_filtered.Add(batch->input.filtered);
  counters.repeats_dropped.Add(batch->input.repeats);
  if (own_->state) Prefetch(batch);
}

void LaneTask::Prefetch(PreparedBatch* batch) {
  const size_t states = lane_->states.size();
  batch->entries.reserve(batch->input.events.size() * states);
  for (const ingest::InputEvent& event : batch->input.events) {
    for (uint32_t state = 0; state < states; ++state) {
      const Slice key = event.record->key;
      batch->entries.push_back(key.is_null() ? nullptr
                                             : own_->state->Pin(state, key, &batch->plan));
    }
  }
  lane_->cache->EvictOverBudget();
  if (batch->plan.items.empty()) return;
  batch->waiting = true;
  batch->read = lane_->ports.reader->StartRead(task_.partition, batch->plan.items);
}

bool LaneTask::MayRun(SteadyTime now) const {
  if (own_->batches.empty() || own_->batches.front().waiting) return false;
  if (own_->retry && now < own_->retry->next_try) return false;
  if (own_->aside_on_its_way) return false;
  if (own_->chain.closed_count() >= kUnitsClosedMax) return false;
  if (own_->publishing.size() >= kUnitsPublishingMax) return false;
  return lane_->ports.outputs->queued_bytes() + lane_->unpublished_bytes <
         lane_->settings.output_bytes_max;
}

bool LaneTask::Run(SteadyTime now) {
  if (!MayRun(now)) return false;
  PreparedBatch& batch = own_->batches.front();
  if (batch.next < batch.input.events.size()) {
    const size_t events_max = CallMax(batch);
    if (events_max == 0) {
      PassOver(&batch, now);
      return true;
    }
    const size_t count = Call(&batch, events_max);
    if (own_->handler.superseded()) {
      own_->handler.End();
      Superseded(now);
      return true;
    }
    const bool more = Settle(&batch, count, now);
    own_->handler.End();
    if (!more) return true;
  }
  FinishBatch(&batch, now);
  return true;
}

size_t LaneTask::Call(PreparedBatch* batch, size_t events_max) {
  auto& inputs = own_->inputs;
  const auto& events = batch->input.events;
  inputs.clear();
  auto& headers = own_->event_headers;
  auto& header_ends = own_->header_ends;
  own_->headers.clear();
  header_ends.clear();
  const size_t end = batch->next + std::min(events.size() - batch->next, events_max);
  for (size_t i = batch->next; i < end; ++i) {
    events[i].batch->ReadHeaders(events[i].index, &headers);
    own_->headers.insert(own_->headers.end(), headers.begin(), headers.end());
    header_ends.push_back(own_->headers.size());
  }
  for (size_t i = batch->next; i < end; ++i) {
    const size_t at = i - batch->next;
    const size_t first = at == 0 ? 0 : header_ends[at - 1];
    inputs.push_back({.topic = Slice(task_.topics[events[i].topic].topic),
                      .topic_index = events[i].topic,
                      .partition = task_.partition,
                      .attempt = at == 0 && own_->retry ? own_->retry->attempts + 1 : 1,
                      .record = events[i].record,
                      .headers = std::span(own_->headers).subspan(first, header_ends[at] - first)});
  }
  if (own_->verdicts.size() < inputs.size()) own_->verdicts.resize(inputs.size());
  own_->handler.Begin(batch);
  return lane_->invoker->Call(inputs, &own_->handler, own_->verdicts);
}

// Settles the events of a call in order, up to the first that must be called again or that stops
// the task. True: the batch is done.
bool LaneTask::Settle(PreparedBatch* batch, size_t count, SteadyTime now) {
  if (own_->state) own_->state->BeginAccept();
  own_->handler.emits().SortByEvent();
  for (uint32_t i = 0; i < count; ++i) {
    const ingest::InputEvent& event = batch->input.events[batch->next + i];
    const invoke::Verdict& verdict = own_->verdicts[i];
    Count(verdict);
    switch (verdict.outcome) {
      case invoke::Outcome::kDone:
        if (const Status kept = Keep(batch, i, now); !kept) {
          batch->next += i;
          if (kept.error().error_class == ErrorClass::kRetriable) {
            Retry(event, kept.error().message, now);
          } else {
            Stop(At(event) + ": " + kept.error().message);
          }
          return false;
        }
        break;
      case invoke::Outcome::kDrop:
        lane_->ports.observer->EventNotDone(verdict.outcome, At(event) + ": " + verdict.reason);
        own_->chain.Advance(event.topic, event.record->offset + 1, now);
        MarkSeen(event, i);
        break;
      case invoke::Outcome::kRetry:
        batch->next += i;
        Retry(event, verdict.reason, now);
        if (i == 0 && count > 1) Bisect(count, now);
        return false;
      case invoke::Outcome::kDeadLetter:
      case invoke::Outcome::kFatal:
        batch->next += i;
        Stop(At(event) + ": " + std::string(invoke::OutcomeName(verdict.outcome)) + ": " +
             verdict.reason);
        return false;
    }
    own_->retry.reset();
    // After an event that failed, what the rest of the call computed on top of it is void.
    if (verdict.outcome == invoke::Outcome::kDrop && own_->state) {
      batch->next += i + 1;
      return batch->next == batch->input.events.size();
    }
  }
  batch->next += count;
  own_->call_max = kNoLimit;
  return batch->next == batch->input.events.size();
}

void LaneTask::Count(const invoke::Verdict& verdict) {
  observe::LaneCounters& counters = *lane_->ports.counters;
  counters.invocations[static_cast<size_t>(verdict.outcome)].Add();
  counters.invocation_duration.Observe(verdict.duration);
}

bool LaneTask::UnitIsFull() const {
  const LaneSettings& settings = lane_->settings;
  if (own_->seen_count >= kSeenMax) return true;
  size_t bytes = own_->outbox.bytes();
  if (own_->state) {
    if (own_->state->dirty_count() >= settings.commit_max_effects) return true;
    bytes += own_->state->dirty_bytes();
  }
  return bytes >= settings.commit_max_bytes;
}

// An error leaves the event and everything after it to be called again or to stop the task.
Status LaneTask::Keep(PreparedBatch* batch, uint32_t event, SteadyTime now) {
  const ingest::InputEvent& input = batch->input.events[batch->next + event];
  if (own_->state) {
    const size_t writes = own_->state->WritesOf(event);
    const size_t dirty = own_->state->dirty_count();
    if (dirty > 0 && dirty + writes > lane_->settings.commit_max_effects) CloseUnit(now);
  }
  // Before its writes are accepted: an event that stops the task must not reach the open unit.
  if (Status published = Publish(input, event); !published) return published;
  if (own_->state) own_->state->Accept(event);
  ++own_->chain.open().events;
  own_->chain.Advance(input.topic, input.record->offset + 1, now);
  MarkSeen(input, event);
  if (UnitIsFull()) CloseUnit(now);
  return {};
}

// The unit that has the event tells what repeats of it would be.
void LaneTask::MarkSeen(const ingest::InputEvent& event, uint32_t index) {
  if (task_.topics[event.topic].deduplicate) MarkSeen(event, own_->inputs[index].headers);
}

void LaneTask::MarkSeen(const ingest::InputEvent& event, std::span<const HeaderView> headers) {
  const auto id = ingest::OutputIdIn(headers);
  if (!id) return;
  ingest::Repeats& seen = own_->seen[event.topic];
  const size_t before = seen.marks().size();
  seen.Take(*id);
  own_->seen_count += seen.marks().size() - before;
}

Status LaneTask::Publish(const ingest::InputEvent& event, uint32_t index) {
  effects::EmitBuffer& emits = own_->handler.emits();
  const bool published_before =
      !published_.empty() && event.record->offset < published_[event.topic];
  for (const effects::Emitted* emitted = emits.Next(index); emitted; emitted = emits.Next(index)) {
    if (published_before) {
      ++own_->recovery->outputs_suppressed;
      lane_->ports.counters->outputs_suppressed.Add();
      continue;
    }
    if (Status done = Emit(event, *emitted); !done) return done;
    lane_->ports.counters->outputs.Add();
  }
  return {};
}

Status LaneTask::Emit(const ingest::InputEvent& event, const effects::Emitted& emitted) {
  const auto headers = own_->handler.emits().headers(emitted);
  if (lane_->exactly_once()) {
    own_->outbox.Add({.topic = emitted.output,
                      .key = emitted.key,
                      .value = emitted.value,
                      .headers = headers,
                      .source = event.topic,
                      .offset = event.record->offset,
                      .index = emitted.index,
                      .timestamp_ms = emitted.timestamp_ms,
                      .partition = emitted.partition});
    return {};
  }
  const OutputId id{.source = Slice(own_->sources[event.topic]),
                    .offset = event.record->offset,
                    .index = emitted.index};
  return lane_->ports.outputs->Produce({.output = emitted.output,
                                        .key = emitted.key,
                                        .value = emitted.value,
                                        .headers = headers,
                                        .id = FormatOutputId(id, &own_->output_id),
                                        .timestamp_ms = emitted.timestamp_ms,
                                        .partition = emitted.partition},
                                       &own_->chain.open().ticket);
}

void LaneTask::Retry(const ingest::InputEvent& event, const std::string& reason, SteadyTime now) {
  const bool again = own_->retry && own_->retry->topic == event.topic &&
                     own_->retry->offset == event.record->offset;
  const uint32_t attempts = again ? own_->retry->attempts + 1 : 1;
  own_->retry = Retrying{.topic = event.topic,
                         .offset = event.record->offset,
                         .attempts = attempts,
                         .next_try = now + RetryWait(attempts),
                         .reason = reason};
  lane_->ports.observer->EventNotDone(
      invoke::Outcome::kRetry,
      At(event) + ": attempt " + std::to_string(attempts) + " failed: " + reason);
}

// An exception that leaves a handler of batches fails all its events, good ones too. The next call
// has half as many, until those before the bad one are through and it stands alone.
void LaneTask::Bisect(size_t count, SteadyTime now) {
  own_->call_max = count / 2;
  own_->retry->next_try = now + kRetryMin;
}

void LaneTask::FinishBatch(PreparedBatch* batch, SteadyTime now) {
  for (size_t i = 0; i < batch->input.position.size(); ++i) {
    own_->chain.AdvanceTo(i, batch->input.position[i], now);
  }
  own_->Release(batch);
  batch->input.Clear();
  batch->plan.Clear();
  batch->next = 0;
  own_->spare.push_back(std::move(*batch));
  own_->batches.pop_front();
}

}  // namespace millrace::lane
