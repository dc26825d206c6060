// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "observe/lane_counters.h"

namespace millrace::observe {

// The sums over a function's lanes at one moment. A value; Add takes in one more lane and may run
// while that lane counts on.
struct FunctionTotals {
  std::array<uint64_t, kOutcomeLabels> invocations{};
  std::array<uint64_t, DurationHistogram::kBuckets> duration_buckets{};  // not cumulative
  uint64_t duration_sum_nanos = 0;
  uint64_t records_ingested = 0;
  uint64_t records_filtered = 0;
  uint64_t outputs = 0;
  std::array<uint64_t, kCommitLabels> commits{};
  uint64_t commit_effects = 0;
  std::array<uint64_t, kTransactionLabels> transactions{};
  std::array<uint64_t, kRecoveryLabels> recoveries{};
  uint64_t events_rerun = 0;
  uint64_t outputs_suppressed = 0;
  uint64_t offsets_skipped = 0;
  uint64_t repeats_dropped = 0;
  uint64_t records_put_aside = 0;
  uint64_t state_cache_hits = 0;
  uint64_t state_cache_misses = 0;
  uint64_t state_ondemand_reads = 0;
  uint64_t tasks = 0;
  uint64_t retries_waiting = 0;
  uint64_t state_cache_bytes = 0;
  uint64_t output_queue_bytes = 0;

  void Add(const LaneCounters& lane);

  uint64_t invocations_of(OutcomeLabel outcome) const {
    return invocations[static_cast<size_t>(outcome)];
  }
  uint64_t commits_of(CommitLabel result) const { return commits[static_cast<size_t>(result)]; }
};

// The words of the labels `outcome`, `result` and `kind`, also used in the HTTP API.
const char* Name(OutcomeLabel outcome);
const char* Name(CommitLabel result);
const char* Name(TransactionLabel result);
const char* Name(RecoveryLabel kind);

// End of the partition minus `applied`. One whose end or `applied` is not known is left out of the
// list: unknown is an absent series, never 0.
struct PartitionLag {
  std::string topic;
  int32_t partition = 0;
  int64_t records = 0;
};

enum class RunState { kRunning, kNotRunning };

struct FunctionMetrics {
  std::string function;
  RunState state = RunState::kNotRunning;
  std::optional<uint64_t> generation;           // none before the first library has been loaded
  std::map<std::string, uint64_t> generations;  // how many, by state
  std::map<std::string, uint64_t> swaps;        // changes of generation, by result
  uint64_t late_handlers = 0;                   // lanes whose handler is over its time
  uint64_t restarts = 0;                        // of its process, after it had ended by itself
  FunctionTotals totals;
  std::vector<PartitionLag> lag;
  std::optional<double> lag_seconds;  // age of the oldest event not yet applied; none = unknown
};

enum class ReadyState { kReady, kNotReady };

// Everything that one scrape shows. The app fills it; exposition.h turns it into text.
struct MetricsSnapshot {
  std::string version;
  ReadyState ready = ReadyState::kNotReady;
  std::vector<FunctionMetrics> functions;
};

}  // namespace millrace::observe
