// SPDX-License-Identifier: Apache-2.0
#include "observe/lane_counters.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "observe/function_metrics.h"

namespace millrace::observe {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

size_t BucketHit(nanoseconds duration) {
  DurationHistogram histogram;
  histogram.Observe(duration);
  for (size_t i = 0; i < DurationHistogram::kBuckets; ++i) {
    if (histogram.bucket(i) == 1) return i;
  }
  return DurationHistogram::kBuckets;
}

TEST(DurationHistogram, PutsADurationUnderTheFirstBoundThatHoldsIt) {
  EXPECT_EQ(BucketHit(nanoseconds(-5)), 0u);
  EXPECT_EQ(BucketHit(nanoseconds(0)), 0u);
  for (size_t i = 0; i < DurationHistogram::kBounds; ++i) {
    const auto bound = nanoseconds(1000LL << (2 * i));
    EXPECT_EQ(BucketHit(bound), i) << "bounds are inclusive";
    EXPECT_EQ(BucketHit(bound + nanoseconds(1)), i + 1);
    EXPECT_DOUBLE_EQ(DurationHistogram::BoundSeconds(i), 1e-9 * static_cast<double>(bound.count()));
  }
  EXPECT_EQ(BucketHit(seconds(100'000)), DurationHistogram::kBounds);
}

TEST(DurationHistogram, CountsEveryEventOfABatchAtItsMean) {
  DurationHistogram histogram;
  histogram.Observe(microseconds(3), 10);
  EXPECT_EQ(histogram.bucket(1), 10u);
  EXPECT_EQ(histogram.sum_nanos(), 30'000u);
}

TEST(LaneCounters, AreSummedOverLanes) {
  std::vector<LaneCounters> lanes(2);
  for (LaneCounters& lane : lanes) {
    lane.invocations_of(OutcomeLabel::kDrop).Add(3);
    lane.commits_of(CommitLabel::kFenced).Add();
    lane.invocation_duration.Observe(microseconds(1), 3);
    lane.records_ingested.Add(5);
    lane.state_cache_bytes.Set(100);
    lane.tasks.Set(2);
  }
  FunctionTotals totals;
  for (const LaneCounters& lane : lanes) totals.Add(lane);
  EXPECT_EQ(totals.invocations_of(OutcomeLabel::kDrop), 6u);
  EXPECT_EQ(totals.commits_of(CommitLabel::kFenced), 2u);
  EXPECT_EQ(totals.duration_buckets[0], 6u);
  EXPECT_EQ(totals.duration_sum_nanos, 6000u);
  EXPECT_EQ(totals.records_ingested, 10u);
  EXPECT_EQ(totals.state_cache_bytes, 200u);
  EXPECT_EQ(totals.tasks, 4u);
}

TEST(LaneCounters, KeepWhatWasDoneWhenTheLaneEnds) {
  LaneCounters lane;
  lane.outputs.Add(7);
  lane.tasks.Set(2);
  lane.retries_waiting.Set(1);
  lane.ClearGauges();
  EXPECT_EQ(lane.outputs.value(), 7u);
  EXPECT_EQ(lane.tasks.value(), 0u);
  EXPECT_EQ(lane.retries_waiting.value(), 0u);
}

TEST(LaneCounters, CanBeReadWhileTheLaneCounts) {
  constexpr uint64_t kAdds = 100'000;
  LaneCounters lane;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kAdds; ++i) lane.outputs.Add();
  });
  uint64_t last = 0;
  while (last < kAdds) {
    const uint64_t now = lane.outputs.value();
    ASSERT_GE(now, last);
    last = now;
  }
  writer.join();
  EXPECT_EQ(lane.outputs.value(), kAdds);
}

}  // namespace
}  // namespace millrace::observe
