// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/slice.h"
#include "model/record.h"

namespace millrace::invoke {

struct EmitCall {
  uint32_t output = 0;  // index among the library's outputs
  Slice key;
  Slice value;
  std::span<const HeaderView> headers;
  int64_t timestamp_ms = -1;
  int32_t partition = -1;
};

struct ScanCall {
  uint32_t state = 0;  // index among the library's states
  Slice key;           // null: the event's own
  Slice after;         // null: from the first field
  uint64_t max = 0;
  mr_entry* out = nullptr;
};

// What a handler may ask for while it runs. `event` is its event's index in the call. Results are
// MR_ statuses. Called on the thread that runs the handler; the slices given out are valid until
// the handler returns.
class HandlerCalls {
 public:
  virtual ~HandlerCalls() = default;
  // `key` null: the event's own. `field` null: a value; for Put on a map, the map as a whole.
  virtual int32_t Get(uint32_t event, uint32_t state, Slice key, Slice field, Slice* value) = 0;
  virtual int32_t Put(uint32_t event, uint32_t state, Slice key, Slice field, Slice value) = 0;
  virtual int32_t Scan(uint32_t event, const ScanCall& call, uint64_t* count) = 0;
  virtual int32_t Emit(uint32_t event, const EmitCall& call) = 0;
  virtual void Log(uint32_t event, uint32_t level, Slice text) = 0;
};

}  // namespace millrace::invoke
