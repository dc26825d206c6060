// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/event_random.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/slice.h"
#include "invoke/handler_calls.h"
#include "model/handler.h"

// What the ABI's opaque context is on this side of the line. Only the invoke layer looks inside.
struct mr_context {
  millrace::invoke::HandlerCalls* calls = nullptr;  // null: not its turn, or over
  const millrace::Generation* generation = nullptr;
  uint32_t event = 0;  // index within the call
  const mr_event* given = nullptr;
  std::optional<millrace::detail::EventRandom> random;  // once it was asked for
  int32_t failed = MR_OK;                // first host call that failed, an MR_ status
  std::string reason;                    // what the handler gave as `because`
  std::atomic<bool>* misused = nullptr;  // set when it is used while it is not its turn, or over
};

namespace millrace::invoke {

// What handlers may call. The members for open() and start() are left to whoever calls those.
mr_host HandlerTable();

// What a failed host call makes of the event, in words.
const char* StatusText(int32_t status);

inline Slice FromAbi(mr_slice slice) {
  return slice.data ? Slice(slice.data, slice.size) : Slice();
}
inline mr_slice ToAbi(Slice slice) { return {slice.data(), slice.size()}; }

}  // namespace millrace::invoke
