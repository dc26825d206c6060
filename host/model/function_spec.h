// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace millrace {

// Where a setting stood, for errors that come long after the file was read.
struct SourcePosition {
  std::string file;
  int line = 0;  // from 1; 0 = not from a file
  int column = 0;

  friend bool operator==(const SourcePosition&, const SourcePosition&) = default;
};

// Where a task without stored progress begins.
struct StartPosition {
  enum class Kind { kEarliest, kLatest, kTimestamp };
  Kind kind = Kind::kEarliest;
  int64_t timestamp_ms = 0;  // for kTimestamp: the first record at or after this event time

  friend bool operator==(const StartPosition&, const StartPosition&) = default;
};

// Keeps the records whose header `name` equals `value`; others move the offset and are not invoked.
struct HeaderFilter {
  std::string name;
  std::string value;

  friend bool operator==(const HeaderFilter&, const HeaderFilter&) = default;
};

enum class Delivery { kAtLeastOnce, kExactlyOnce };
constexpr const char* Name(Delivery delivery) {
  return delivery == Delivery::kExactlyOnce ? "exactly_once" : "at_least_once";
}

// What to do when what should be there is gone. kFail refuses the function, with the numbers.
enum class OnStateLoss {
  kFail,
  kRebuild,  // from the input where it is retained from its beginning; outputs are not repeated
  kEmpty,    // go on from the group's offset with empty state
};
enum class OnRetentionLoss {
  kFail,
  kSkip,  // go on with the first record that is retained
};
enum class OnOffsetReset {
  kFail,
  kApplied,  // what the state says counts, not the group's offset
};

struct LossPolicies {
  OnStateLoss on_state_loss = OnStateLoss::kFail;
  OnRetentionLoss on_retention_loss = OnRetentionLoss::kFail;
  OnOffsetReset on_offset_reset = OnOffsetReset::kFail;

  friend bool operator==(const LossPolicies&, const LossPolicies&) = default;
};

struct KafkaTrigger {
  std::vector<std::string> topics;
  StartPosition start;
  std::optional<HeaderFilter> filter;
  bool deduplicate = false;  // drops repeats of another function's outputs, by their millrace-id

  friend bool operator==(const KafkaTrigger&, const KafkaTrigger&) = default;
};

struct BatchLimits {
  int max_records = 1000;
  Millis max_wait{5};

  friend bool operator==(const BatchLimits&, const BatchLimits&) = default;
};

// When a generation that a swap has brought gives way to the one before it.
struct SwapRules {
  double max_error_rate = 0.5;  // of its calls, those that failed; 1 = never
  Millis watch{30'000};         // how long after the swap they count

  friend bool operator==(const SwapRules&, const SwapRules&) = default;
};

// Where a function's lanes run.
enum class Isolation {
  kProcess,  // in a child of the host, which they can end without hurting anything else
  kInline,   // in the host
};
constexpr const char* Name(Isolation isolation) {
  return isolation == Isolation::kProcess ? "process" : "inline";
}

struct Limits {
  // Of one call of the handler; what is longer ends the function's process, or is told of inline.
  Millis timeout{30'000};
  // Of the function's process: bytes, and processors that it may keep busy. Absent: no limit.
  std::optional<int64_t> memory = std::nullopt;
  std::optional<double> cpu = std::nullopt;

  friend bool operator==(const Limits&, const Limits&) = default;
};

// One function as the YAML asks for it. A value: copied, compared, never shared. `config` may hold
// secrets: it goes to the library and nowhere else.
struct FunctionSpec {
  std::string name;     // [a-z0-9][a-z0-9-]{0,62}; unique in the host
  std::string library;  // path of the .so, absolute or relative to functions_dir
  std::string group;    // consumer group
  Delivery delivery = Delivery::kAtLeastOnce;
  LossPolicies policies = {};
  int lanes = 1;
  BatchLimits batch;
  SwapRules swap = {};
  Isolation isolation = Isolation::kProcess;
  Limits limits = {};
  Millis commit_interval{100};
  int commit_max_effects = 500;
  int64_t commit_max_bytes = 256 * 1024;
  int max_crashes = 3;                         // by one record, until it is put aside
  int64_t cache_bytes = 64 * 1024 * 1024;      // per lane, shared by its tasks
  std::vector<KafkaTrigger> triggers;          // all in one subscription; no topic twice
  std::map<std::string, std::string> outputs;  // the library's output name → topic
  std::map<std::string, std::string> config;   // dotted path → scalar as text, subtree as JSON
  SourcePosition position;                     // of the function's name

  friend bool operator==(const FunctionSpec&, const FunctionSpec&) = default;
};

// True when `a` and `b` ask for the same, wherever they stand: an edited comment or a renamed file
// is no reason to start a function again.
inline bool SameRequest(FunctionSpec a, const FunctionSpec& b) {
  a.position = b.position;
  return a == b;
}

}  // namespace millrace
