// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "effects/emit_buffer.h"
#include "ingest/task_input.h"
#include "invoke/handler_calls.h"
#include "lane/lane_settings.h"
#include "lane/lane_status.h"
#include "state/task_state.h"

namespace millrace::lane {

// Effects of one event beyond this fail it, however large a unit may be.
inline constexpr size_t kEventEffectBytesMax = 8 * 1024 * 1024;

// The events of a batch with the cached entries of their own keys: entries[event * states + state],
// null where the event has no key.
struct PreparedBatch {
  ingest::EventBatch input;
  std::vector<state::Entry*> entries;
  state::ReadPlan plan;  // what the cache did not hold
  bool waiting = false;  // for the read of `plan`
  state::ReadId read = 0;
  size_t next = 0;  // first event that is not settled
};

// Answers a handler's calls from the task's state and collects its effects. Lives as long as its
// task's ownership; used for one call at a time.
class HandlerState final : public invoke::HandlerCalls {
 public:
  // `epoch` of the owner; null: whoever owns the task, its state may be read.
  HandlerState(const LaneSettings* settings, const LanePorts* ports, const TaskAssignment* task,
               state::TaskState* state, const commit::Epoch* epoch)
      : settings_(settings), ports_(ports), task_(task), state_(state), epoch_(epoch) {}

  // The call runs the events of `batch` from batch.next on.
  void Begin(const PreparedBatch* batch);
  effects::EmitBuffer& emits() { return emits_; }
  void End();  // drops what was not accepted
  // A read during the call found another owner's epoch: what the call computed is void.
  bool superseded() const { return superseded_; }

  int32_t Get(uint32_t event, uint32_t state, Slice key, Slice field, Slice* value) override;
  int32_t Put(uint32_t event, uint32_t state, Slice key, Slice field, Slice value) override;
  int32_t Scan(uint32_t event, const invoke::ScanCall& call, uint64_t* count) override;
  int32_t Emit(uint32_t event, const invoke::EmitCall& call) override;
  void Log(uint32_t event, uint32_t level, Slice text) override;

 private:
  const ingest::InputEvent& At(uint32_t event) const {
    return batch_->input.events[batch_->next + event];
  }
  state::Entry* EntryOf(uint32_t event, uint32_t state, Slice key, int32_t* status);
  int32_t ReadField(state::Entry* entry, Slice field);
  bool IsOwn(const state::ReadReply& reply);
  bool Fits(uint32_t event, size_t bytes);

  const LaneSettings* settings_;
  const LanePorts* ports_;
  const TaskAssignment* task_;
  state::TaskState* state_;
  const commit::Epoch* epoch_;
  bool superseded_ = false;
  const PreparedBatch* batch_ = nullptr;
  effects::EmitBuffer emits_;
  std::vector<int32_t> partition_counts_;
  std::vector<size_t> event_bytes_;
  std::vector<state::Entry*> call_pins_;
  state::ReadPlan unplanned_;
  std::vector<state::FoundField> scanned_;
};

}  // namespace millrace::lane
