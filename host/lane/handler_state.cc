// SPDX-License-Identifier: Apache-2.0
#include "lane/handler_state.h"

namespace millrace::lane {

using state::Lookup;

void HandlerState::Begin(const PreparedBatch* batch) {
  batch_ = batch;
  event_bytes_.assign(batch->input.events.size() - batch->next, 0);
  partition_counts_.resize(settings_->outputs.size());
  for (uint32_t i = 0; i < partition_counts_.size(); ++i) {
    partition_counts_[i] = ports_->outputs->PartitionCount(i).value_or(0);
  }
}

void HandlerState::End() {
  emits_.Clear();
  if (state_) state_->EndCall();
  for (state::Entry* entry : call_pins_) state_->Unpin(entry);
  call_pins_.clear();
}

bool HandlerState::Fits(uint32_t event, size_t bytes) {
  event_bytes_[event] += bytes;
  return event_bytes_[event] <= kEventEffectBytesMax;
}

state::Entry* HandlerState::EntryOf(uint32_t event, uint32_t state, Slice key, int32_t* status) {
  if (key.is_null() || key == At(event).record->key) {
    const size_t at = (batch_->next + event) * state_->states().size() + state;
    state::Entry* own = batch_->entries[at];
    if (!own) *status = MR_NO_KEY;
    return own;
  }
  if (!Fits(event, key.size())) {
    *status = MR_TOO_LARGE;
    return nullptr;
  }
  // Another key of this task: read when somebody looks at it.
  state::Entry* entry = state_->Pin(state, key, &unplanned_);
  for (state::Entry* unread : unplanned_.entries) unread->loading = false;
  unplanned_.Clear();
  call_pins_.push_back(entry);
  return entry;
}

bool HandlerState::IsOwn(const state::ReadReply& reply) {
  superseded_ = superseded_ || (epoch_ && reply.epoch != Slice(*epoch_));
  return !superseded_;
}

int32_t HandlerState::ReadField(state::Entry* entry, Slice field) {
  ports_->counters->state_ondemand_reads.Add();
  const state::ReadItem item{
      .state = entry->state, .key = state::ViewOf(entry->key), .field = field};
  const state::ReadReply reply = ports_->reader->ReadNow(task_->partition, {&item, 1});
  if (!reply.status || !IsOwn(reply)) return MR_UNAVAILABLE;
  state_->LoadField(entry, field, reply);
  return MR_OK;
}

int32_t HandlerState::Get(uint32_t event, uint32_t state, Slice key, Slice field, Slice* value) {
  int32_t status = MR_OK;
  state::Entry* entry = EntryOf(event, state, key, &status);
  if (!entry) return status;
  Lookup found = state_->Get(*entry, event, field, value);
  if (found == Lookup::kUnread) {
    status = ReadField(entry, field);
    if (status != MR_OK) return status;
    found = state_->Get(*entry, event, field, value);
  }
  return found == Lookup::kPresent ? MR_OK : MR_ABSENT;
}

int32_t HandlerState::Put(uint32_t event, uint32_t state, Slice key, Slice field, Slice value) {
  int32_t status = MR_OK;
  state::Entry* entry = EntryOf(event, state, key, &status);
  if (!entry) return status;
  if (!Fits(event, field.size() + value.size())) return MR_TOO_LARGE;
  state_->Put(entry, event, field, value);
  return MR_OK;
}

int32_t HandlerState::Scan(uint32_t event, const invoke::ScanCall& call, uint64_t* count) {
  int32_t status = MR_OK;
  state::Entry* entry = EntryOf(event, call.state, call.key, &status);
  if (!entry) return status;
  if (state_->Scan(*entry, event, call.after, call.max, &scanned_) == Lookup::kUnread) {
    ports_->counters->state_ondemand_reads.Add();
    const state::ReadReply reply =
        ports_->reader->ReadWholeMapNow(task_->partition, call.state, state::ViewOf(entry->key));
    if (!reply.status || !IsOwn(reply)) return MR_UNAVAILABLE;
    state_->LoadWholeMap(entry, reply);
    state_->Scan(*entry, event, call.after, call.max, &scanned_);
  }
  for (size_t i = 0; i < scanned_.size(); ++i) {
    call.out[i] = {{scanned_[i].field.data(), scanned_[i].field.size()},
                   {scanned_[i].value.data(), scanned_[i].value.size()}};
  }
  *count = scanned_.size();
  return MR_OK;
}

int32_t HandlerState::Emit(uint32_t event, const invoke::EmitCall& call) {
  const ingest::InputEvent& at = At(event);
  if (!Fits(event, call.key.size() + call.value.size())) return MR_TOO_LARGE;
  const effects::EmitStatus status = emits_.Add(
      {.event = event, .timestamp_ms = at.record->timestamp_ms, .partition = task_->partition},
      {.output = call.output,
       .key = call.key,
       .value = call.value,
       .headers = call.headers,
       .timestamp_ms = call.timestamp_ms,
       .partition = call.partition},
      {.partition_counts = partition_counts_,
       .message_bytes_max = ports_->outputs->message_bytes_max()});
  switch (status) {
    case effects::EmitStatus::kOk:
      return MR_OK;
    case effects::EmitStatus::kNoSuchPartition:
      return MR_BAD_ARGUMENT;
    case effects::EmitStatus::kTooLarge:
      return MR_TOO_LARGE;
    case effects::EmitStatus::kTopicUnknown:
      return MR_UNAVAILABLE;
  }
  return MR_UNSUPPORTED;
}

void HandlerState::Log(uint32_t event, uint32_t level, Slice text) {
  const ingest::InputEvent& at = At(event);
  ports_->observer->HandlerLogged(
      level, text.view(),
      Coordinates(task_->topics[at.topic].topic, task_->partition, at.record->offset));
}

}  // namespace millrace::lane
