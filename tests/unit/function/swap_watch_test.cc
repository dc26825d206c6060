// SPDX-License-Identifier: Apache-2.0
#include "function/swap_watch.h"

#include <gtest/gtest.h>

namespace millrace::function {
namespace {

constexpr SteadyTime kBegan{std::chrono::seconds(100)};

TEST(SwapWatchTest, ItIsOverAfterItsTime) {
  const SwapWatch watch({.max_error_rate = 0.5, .watch = Millis(30'000)}, kBegan);
  EXPECT_FALSE(watch.over(kBegan + Millis(29'999)));
  EXPECT_TRUE(watch.over(kBegan + Millis(30'000)));
  EXPECT_TRUE(SwapWatch({.max_error_rate = 0.5, .watch = Millis(0)}, kBegan).over(kBegan));
}

TEST(SwapWatchTest, TheRateCountsFromThreeErrorsOn) {
  const SwapWatch watch({.max_error_rate = 0.1, .watch = Millis(1)}, kBegan);
  EXPECT_FALSE(watch.TooMany(0, 0));
  EXPECT_FALSE(watch.TooMany(2, 2)) << "too few to say";
  EXPECT_FALSE(watch.TooMany(30, 3)) << "exactly what is allowed";
  EXPECT_TRUE(watch.TooMany(29, 3));
  EXPECT_EQ(*watch.TooMany(4, 3),
            "3 of its 4 calls failed, more than swap.max_error_rate 0.1 allows");
}

TEST(SwapWatchTest, OneMeansNeverAndZeroTheFirstThree) {
  EXPECT_FALSE(SwapWatch({.max_error_rate = 1}, kBegan).TooMany(1000, 1000));
  EXPECT_TRUE(SwapWatch({.max_error_rate = 0}, kBegan).TooMany(1'000'000, 3));
}

}  // namespace
}  // namespace millrace::function
