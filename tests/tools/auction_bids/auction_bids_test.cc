// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "base/clock.h"
#include "bid_stream.h"
#include "pacer.h"
#include "recount.h"

namespace auction_bids {
namespace {

using millrace::ManualClock;
using millrace::Millis;
using testing::ElementsAre;
using testing::Pair;

Recount CountedStream(uint64_t seed, int64_t bids) {
  Recount recount;
  BidStream stream(seed);
  for (int64_t i = 0; i < bids; ++i) {
    const Bid bid = stream.Next();
    recount.Add(bid, ToJson(bid));
  }
  return recount;
}

TEST(BidStreamTest, TheSameSeedMakesTheSameStreamOnEveryMachine) {
  const Recount golden = CountedStream(42, 100'000);
  EXPECT_EQ(golden.checksum(), 0x038e82ea93c7f8fdu);
  EXPECT_EQ(golden.auctions(), 6'520);
}

TEST(BidStreamTest, AnotherSeedMakesAnotherStream) {
  EXPECT_NE(CountedStream(1, 1'000).checksum(), CountedStream(2, 1'000).checksum());
}

TEST(BidStreamTest, IsCompactJsonInTheShapeThatTheFunctionReads) {
  EXPECT_EQ(ToJson({.auction = 1, .bidder = 2, .price = 3, .channel = "Apple", .timestamp_ms = 4}),
            R"({"auction":1,"bidder":2,"price":3,"channel":"Apple","ts":4})");
}

TEST(BidStreamTest, HalfOfTheBidsGoToTheHotAuctionAndThreeQuartersComeFromTheHotBidder) {
  constexpr int kBids = 100'000;
  BidStream stream(7);
  double hot_auction = 0;
  double hot_bidder = 0;
  for (int i = 0; i < kBids; ++i) {
    const Bid bid = stream.Next();
    if (bid.auction % 100 == 0) ++hot_auction;
    if (bid.bidder % 100 == 1) ++hot_bidder;
  }
  EXPECT_NEAR(hot_auction / kBids, 0.5, 0.01);
  EXPECT_NEAR(hot_bidder / kBids, 0.75, 0.01);
}

TEST(BidStreamTest, ThereAreThreeAuctionsTo46Bids) {
  const Recount counted = CountedStream(7, 46'000);
  EXPECT_NEAR(static_cast<double>(counted.auctions()), 3'000, 20);
}

TEST(BidStreamTest, PricesAreEvenOverSixDecades) {
  constexpr int kBids = 60'000;
  BidStream stream(7);
  std::map<size_t, int> by_digits;
  for (int i = 0; i < kBids; ++i) ++by_digits[std::to_string(stream.Next().price).size()];
  by_digits[8] += by_digits[9];  // 100,000,000 is rounded up to
  by_digits.erase(9);
  ASSERT_EQ(by_digits.size(), 6u);
  for (const auto& [digits, bids] : by_digits) EXPECT_NEAR(bids, 10'000, 400) << digits;
}

// Sends what is due at every tick of a manual clock.
int64_t Paced(Pacer* pacer, ManualClock* clock, Millis tick, int ticks, int64_t sent) {
  for (int i = 0; i < ticks; ++i) {
    sent += pacer->Due(clock->Now(), sent);
    clock->Advance(tick);
  }
  return sent + pacer->Due(clock->Now(), sent);
}

TEST(PacerTest, KeepsTheRateWhateverTheTick) {
  for (const int64_t rate : {1, 333, 5'000, 100'000}) {
    for (const int tick_ms : {1, 7, 40}) {
      Pacer pacer(rate);
      ManualClock clock;
      const int ticks = 20'000 / tick_ms;
      const double wanted = static_cast<double>(rate) * tick_ms * ticks / 1'000;
      EXPECT_NEAR(static_cast<double>(Paced(&pacer, &clock, Millis(tick_ms), ticks, 0)), wanted,
                  std::max(1.0, wanted * 0.001));
    }
  }
}

TEST(PacerTest, MakesUpForAShortHoldUp) {
  Pacer pacer(1'000);
  ManualClock clock;
  int64_t sent = Paced(&pacer, &clock, Millis(5), 200, 0);
  clock.Advance(Millis(800));
  sent = Paced(&pacer, &clock, Millis(5), 40, sent);
  EXPECT_EQ(sent, 2'000);
}

TEST(PacerTest, DoesNotFloodAfterALongHoldUp) {
  Pacer pacer(1'000);
  ManualClock clock;
  EXPECT_EQ(pacer.Due(clock.Now(), 0), 0);
  clock.Advance(Millis(60'000));
  EXPECT_EQ(pacer.Due(clock.Now(), 0), 1'000);
  EXPECT_EQ(pacer.Due(clock.Now(), 1'000), 0);
  clock.Advance(Millis(500));
  EXPECT_EQ(pacer.Due(clock.Now(), 1'000), 500);
}

TEST(PacerTest, RateZeroHasNoLimit) {
  Pacer pacer(0);
  EXPECT_GT(pacer.Due(ManualClock().Now(), 1'000'000), 1'000'000'000);
}

TEST(RecountTest, CountsInTheFormOfTheFunctionsOutput) {
  Recount recount;
  for (const int64_t price : {20'000, 100, 1'000'000}) {
    recount.Add({.auction = 5, .bidder = 1, .price = price, .channel = "x"}, "");
  }
  EXPECT_THAT(recount.Texts(),
              ElementsAre(Pair(5, R"({"auction":5,"bids":3,"rank1":1,"rank2":1,"rank3":1,)"
                                  R"("min":100,"max":1000000,"sum":1020100,"avg":340033})")));
}

TEST(RecountTest, IsReadBackAsWritten) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("recount-" + std::to_string(getpid()));
  const Recount recount = CountedStream(3, 5'000);
  ASSERT_TRUE(recount.Write(path));
  const auto read = ReadRecount(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, recount.Texts());
}

}  // namespace
}  // namespace auction_bids
