// SPDX-License-Identifier: Apache-2.0
#include "app/restart_wait.h"

#include <gtest/gtest.h>

namespace millrace::app {
namespace {

constexpr SteadyTime kBegan{std::chrono::seconds(100)};

TEST(RestartWaitTest, TheFirstIsAtOnceAndTheOthersWaitTwiceAsLongEach) {
  RestartWait restart;
  restart.Began(kBegan);
  EXPECT_EQ(restart.Ended(kBegan), Millis(0));
  EXPECT_TRUE(restart.over(kBegan));
  for (const int ms : {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
    EXPECT_EQ(restart.Ended(kBegan), Millis(ms));
    EXPECT_FALSE(restart.over(kBegan + Millis(ms - 1)));
    EXPECT_TRUE(restart.over(kBegan + Millis(ms)));
  }
  for (int more = 0; more < 100; ++more) EXPECT_EQ(restart.Ended(kBegan), RestartWait::kMax);
}

TEST(RestartWaitTest, OneThatHasRunForLongEnoughBeginsToCountAnew) {
  RestartWait restart;
  restart.Began(kBegan);
  restart.Ended(kBegan);
  restart.Ended(kBegan);
  EXPECT_EQ(restart.Ended(kBegan + Millis(9'999)), Millis(200));
  EXPECT_EQ(restart.Ended(kBegan + Millis(10'000)), Millis(0));
  restart.Began(kBegan + Millis(10'000));
  EXPECT_EQ(restart.Ended(kBegan + Millis(19'999)), Millis(100));
}

TEST(RestartWaitTest, WhatIsForgottenDoesNotCount) {
  RestartWait restart;
  restart.Began(kBegan);
  restart.Ended(kBegan);
  restart.Ended(kBegan);
  restart.Forget();
  EXPECT_EQ(restart.Ended(kBegan), Millis(0));
}

}  // namespace
}  // namespace millrace::app
