// SPDX-License-Identifier: Apache-2.0
#include "observe/function_metrics.h"

namespace millrace::observe {

void FunctionTotals::Add(const LaneCounters& lane) {
  for (size_t i = 0; i < kOutcomeLabels; ++i) invocations[i] += lane.invocations[i].value();
  for (size_t i = 0; i < DurationHistogram::kBuckets; ++i) {
    duration_buckets[i] += lane.invocation_duration.bucket(i);
  }
  duration_sum_nanos += lane.invocation_duration.sum_nanos();
  records_ingested += lane.records_ingested.value();
  records_filtered += lane.records_filtered.value();
  outputs += lane.outputs.value();
  for (size_t i = 0; i < kCommitLabels; ++i) commits[i] += lane.commits[i].value();
  commit_effects += lane.commit_effects.value();
  for (size_t i = 0; i < kTransactionLabels; ++i) transactions[i] += lane.transactions[i].value();
  for (size_t i = 0; i < kRecoveryLabels; ++i) recoveries[i] += lane.recoveries[i].value();
  events_rerun += lane.events_rerun.value();
  outputs_suppressed += lane.outputs_suppressed.value();
  offsets_skipped += lane.offsets_skipped.value();
  repeats_dropped += lane.repeats_dropped.value();
  records_put_aside += lane.records_put_aside.value();
  state_cache_hits += lane.state_cache_hits.value();
  state_cache_misses += lane.state_cache_misses.value();
  state_ondemand_reads += lane.state_ondemand_reads.value();
  tasks += lane.tasks.value();
  retries_waiting += lane.retries_waiting.value();
  state_cache_bytes += lane.state_cache_bytes.value();
  output_queue_bytes += lane.output_queue_bytes.value();
}

const char* Name(OutcomeLabel outcome) {
  switch (outcome) {
    case OutcomeLabel::kDone:
      return "done";
    case OutcomeLabel::kRetry:
      return "retry";
    case OutcomeLabel::kDrop:
      return "drop";
    case OutcomeLabel::kDeadLetter:
      return "dead-letter";
    case OutcomeLabel::kFatal:
      return "fatal";
  }
  return "unknown";
}

const char* Name(CommitLabel result) {
  switch (result) {
    case CommitLabel::kApplied:
      return "applied";
    case CommitLabel::kFenced:
      return "fenced";
    case CommitLabel::kDiverged:
      return "diverged";
    case CommitLabel::kUnavailable:
      return "unavailable";
    case CommitLabel::kRejected:
      return "rejected";
  }
  return "unknown";
}

const char* Name(TransactionLabel result) {
  switch (result) {
    case TransactionLabel::kCommitted:
      return "committed";
    case TransactionLabel::kAborted:
      return "aborted";
    case TransactionLabel::kUnknown:
      return "unknown";
    case TransactionLabel::kFenced:
      return "fenced";
    case TransactionLabel::kRefused:
      return "refused";
  }
  return "unknown";
}

const char* Name(RecoveryLabel kind) {
  switch (kind) {
    case RecoveryLabel::kWentBack:
      return "went-back";
    case RecoveryLabel::kRebuild:
      return "rebuild";
    case RecoveryLabel::kEmpty:
      return "empty";
    case RecoveryLabel::kOffsetReset:
      return "offset-reset";
    case RecoveryLabel::kRetention:
      return "retention";
  }
  return "unknown";
}

}  // namespace millrace::observe
