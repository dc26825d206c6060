// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "histogram.h"
#include "latency_reader.h"
#include "schedule.h"

namespace millrace::load {
namespace {

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int64_t value = 1; value <= 200; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.Quantile(0.5), 100);
  EXPECT_EQ(histogram.Quantile(0.99), 198);
  EXPECT_EQ(histogram.Quantile(1), 200);
  EXPECT_EQ(histogram.count(), 200);
}

TEST(HistogramTest, LargeValuesAreWithinOnePercent) {
  Histogram histogram;
  std::mt19937_64 random(1);
  std::vector<int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(std::exp2(static_cast<double>(random() % 4000) / 100)));
    histogram.Add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto at = static_cast<size_t>(std::ceil(share * 20'000)) - 1;
    const auto exact = static_cast<double>(values[at]);
    const auto told = static_cast<double>(histogram.Quantile(share));
    EXPECT_GE(told, exact) << share;
    EXPECT_LE(told, exact * 1.01) << share;
  }
  EXPECT_EQ(histogram.max(), values.back());
}

TEST(HistogramTest, TheEndsOfTheRangeAreCounted) {
  Histogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  histogram.Add(-5);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.Quantile(1), INT64_MAX);
}

TEST(ScheduleTest, EveryRecordIsFoundByItsTimeAndNoOther) {
  for (const int64_t rate : {1, 3, 7'000, 333'333, 3'000'000}) {
    const Schedule schedule{.start_ns = 123'456'789'123'456, .rate = rate};
    for (int64_t i : {0, 1, 2, 999, 1'000'000, 7'654'321}) {
      const int64_t at = schedule.IntendedNs(i);
      EXPECT_EQ(schedule.IndexOf(at), i) << rate;
      EXPECT_EQ(schedule.IndexOf(at + 1), std::nullopt) << rate;
      EXPECT_EQ(schedule.Due(at), i + 1) << rate;
      EXPECT_EQ(schedule.Due(at - 1), i) << rate;
    }
  }
}

class LatencyCountTest : public testing::Test {
 protected:
  void Output(int64_t tag, int64_t now_ns) { count_.Add(&tag, sizeof(tag), now_ns); }

  Schedule schedule_{.start_ns = 1'000'000'000, .rate = 10};
  LatencyCount count_{{.cell = Cell::kPassThrough,
                       .schedule = schedule_,
                       .records = 100,
                       .warmup_ns = 1'000'000'000}};
};

TEST_F(LatencyCountTest, CountsFromTheIntendedTimeAfterTheWarmUp) {
  Output(schedule_.IntendedNs(9), schedule_.IntendedNs(9) + 100);
  Output(schedule_.IntendedNs(10), schedule_.IntendedNs(10) + 70);
  EXPECT_EQ(count_.received(), 2);
  EXPECT_EQ(count_.latency_ns().count(), 1);
  EXPECT_EQ(count_.latency_ns().max(), 70);
}

TEST_F(LatencyCountTest, ARepeatIsNoSecondRecord) {
  for (const int64_t after : {50, 90}) Output(schedule_.IntendedNs(20), 3'000'000'000 + after);
  EXPECT_EQ(count_.received(), 1);
  EXPECT_EQ(count_.repeated(), 1);
  EXPECT_EQ(count_.latency_ns().count(), 1);
}

TEST_F(LatencyCountTest, EarlierContentOfTheTopicIsLeftOut) {
  for (const int64_t tag : {int64_t{0}, int64_t{17}, schedule_.IntendedNs(0) - 1,
                            schedule_.IntendedNs(3) + 1, schedule_.IntendedNs(100)}) {
    Output(tag, 30'000'000'000);
  }
  EXPECT_EQ(count_.received(), 0);
}

}  // namespace
}  // namespace millrace::load
