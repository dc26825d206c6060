// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/slice.h"

namespace millrace::http {

// One invocation asked for over HTTP and what came of it, as values. Null and empty differ for
// keys, values and header values.

struct EventHeader {
  std::string name;
  OwnedBytes value;

  friend bool operator==(const EventHeader&, const EventHeader&) = default;
};

struct InvokeEvent {
  OwnedBytes key;
  OwnedBytes value;
  std::vector<EventHeader> headers;
  std::optional<std::string> topic;     // none: the app takes the function's first input topic
  std::optional<int32_t> partition;     // >= 0; none: found from the key
  std::optional<int64_t> timestamp_ms;  // since the epoch; none: now

  friend bool operator==(const InvokeEvent&, const InvokeEvent&) = default;
};

struct InvokeRequest {
  std::string function;
  InvokeEvent event;
};

struct EmittedRecord {
  std::string output;
  std::string topic;
  int32_t partition = 0;
  OwnedBytes key;
  OwnedBytes value;
  std::vector<EventHeader> headers;
  int64_t timestamp_ms = 0;
};

// A write that was asked for and not made.
struct StateChange {
  std::string state;
  OwnedBytes key;
  OwnedBytes field;  // of a map; null for a value
  OwnedBytes before;
  OwnedBytes after;
};

struct InvokeLog {
  std::string level;
  std::string text;
};

// The handler ran. `outcome` is done, retry, drop, dead-letter or fatal.
struct InvokeResponse {
  std::string outcome;
  std::string reason;
  int64_t duration_us = 0;
  int32_t partition = 0;
  std::vector<EmittedRecord> emitted;
  std::vector<StateChange> state;
  std::vector<InvokeLog> logs;
};

enum class InvokeErrorKind {
  kBadRequest,       // 400: this event does not fit the function (topic, partition)
  kUnknownFunction,  // 404
  kRefused,          // 409: the function will not run until somebody changes something
  kNotRunning,       // 503: starting, stopping or stopped
  kBusy,             // 503: too many invocations are waiting
  kUnavailable,      // 503: the store or the broker did not answer
};

// The handler did not run.
struct InvokeError {
  InvokeErrorKind kind = InvokeErrorKind::kNotRunning;
  std::string detail;
};

using InvokeResult = std::variant<InvokeResponse, InvokeError>;
using InvokeCallback = std::function<void(InvokeResult)>;

}  // namespace millrace::http
