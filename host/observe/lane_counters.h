// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace millrace::observe {

// A number that one thread writes and any thread reads. Adding is a plain load and store: no lock,
// no read-modify-write, no allocation. A reader may see it a moment late, never torn.
class SingleWriterCounter {
 public:
  void Add(uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Like SingleWriterCounter, for a level that rises and falls.
class SingleWriterGauge {
 public:
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// How long invocations took, in exponential buckets: 1 µs × 4^i, so 1 µs to 16.8 s, and one above.
// One writer, any reader.
class DurationHistogram {
 public:
  static constexpr size_t kBounds = 13;
  static constexpr size_t kBuckets = kBounds + 1;  // the last one is everything longer

  static constexpr double BoundSeconds(size_t bucket) {
    return static_cast<double>(uint64_t{1} << (2 * bucket)) / 1e6;
  }

  // `count` invocations of `each` (a batch handler's time divided by its events).
  void Observe(std::chrono::nanoseconds each, uint64_t count = 1) {
    const uint64_t nanos = each.count() > 0 ? static_cast<uint64_t>(each.count()) : 0;
    buckets_[BucketOf(nanos)].Add(count);
    sum_nanos_.Add(nanos * count);
  }

  uint64_t bucket(size_t at) const { return buckets_[at].value(); }  // not cumulative
  uint64_t sum_nanos() const { return sum_nanos_.value(); }

 private:
  static constexpr size_t BucketOf(uint64_t nanos) {
    if (nanos <= 1000) return 0;
    const uint64_t micros = nanos / 1000 + (nanos % 1000 != 0 ? 1 : 0);  // bounds are inclusive
    const size_t bucket = (static_cast<size_t>(std::bit_width(micros - 1)) + 1) / 2;
    return bucket < kBounds ? bucket : kBounds;
  }

  std::array<SingleWriterCounter, kBuckets> buckets_;
  SingleWriterCounter sum_nanos_;
};

// Indexes into LaneCounters::invocations and ::commits; exposition.cc names them.
enum class OutcomeLabel { kDone, kRetry, kDrop, kDeadLetter, kFatal };
inline constexpr size_t kOutcomeLabels = 5;
enum class CommitLabel { kApplied, kFenced, kDiverged, kUnavailable, kRejected };
inline constexpr size_t kCommitLabels = 5;
enum class TransactionLabel { kCommitted, kAborted, kUnknown, kFenced, kRefused };
inline constexpr size_t kTransactionLabels = 5;
enum class RecoveryLabel { kWentBack, kRebuild, kEmpty, kOffsetReset, kRetention };
inline constexpr size_t kRecoveryLabels = 5;

// What one lane of one function has done. The lane's thread is the only writer; a scrape reads it
// from another thread. The owner keeps it when the lane ends (totals of a function never go back)
// and may hand it to the lane that follows in the same slot, after the first one's thread has
// ended.
struct alignas(64) LaneCounters {
  std::array<SingleWriterCounter, kOutcomeLabels> invocations;
  DurationHistogram invocation_duration;
  SingleWriterCounter records_ingested;  // at or above `applied`, before the filter
  SingleWriterCounter records_filtered;  // kept from the handler by the trigger's filter
  SingleWriterCounter outputs;           // acknowledged by the broker
  std::array<SingleWriterCounter, kCommitLabels> commits;
  SingleWriterCounter commit_effects;
  std::array<SingleWriterCounter, kTransactionLabels> transactions;
  std::array<SingleWriterCounter, kRecoveryLabels> recoveries;  // by what was missing
  SingleWriterCounter events_rerun;
  SingleWriterCounter outputs_suppressed;
  SingleWriterCounter offsets_skipped;  // no longer retained
  SingleWriterCounter repeats_dropped;  // by their millrace-id
  SingleWriterCounter records_put_aside;
  SingleWriterCounter state_cache_hits;
  SingleWriterCounter state_cache_misses;  // prefetched from the store
  SingleWriterCounter state_ondemand_reads;

  SingleWriterGauge tasks;
  SingleWriterGauge retries_waiting;
  SingleWriterGauge state_cache_bytes;
  SingleWriterGauge output_queue_bytes;

  SingleWriterCounter& invocations_of(OutcomeLabel outcome) {
    return invocations[static_cast<size_t>(outcome)];
  }
  SingleWriterCounter& commits_of(CommitLabel result) {
    return commits[static_cast<size_t>(result)];
  }

  // When the lane has ended: it holds nothing any more; what it has done stays counted.
  void ClearGauges() {
    tasks.Set(0);
    retries_waiting.Set(0);
    state_cache_bytes.Set(0);
    output_queue_bytes.Set(0);
  }
};

}  // namespace millrace::observe
