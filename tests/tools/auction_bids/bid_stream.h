// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace auction_bids {

// One bid of the stream. Prices are in cents, times in milliseconds since the epoch.
struct Bid {
  int64_t auction = 0;
  int64_t bidder = 0;
  int64_t price = 0;
  std::string channel;
  int64_t timestamp_ms = 0;

  friend bool operator==(const Bid&, const Bid&) = default;
};

// {"auction":1,"bidder":2,"price":3,"channel":"..","ts":4}: compact JSON, what functions/bids.cc
// reads.
std::string ToJson(const Bid& bid);

// The bids of an endless auction site in the proportions of the Nexmark benchmark: of 50 events one
// is a new person, three are new auctions and 46 are bids. Every second bid goes to the hot
// auction, which is another one after every hundred auctions; the others are spread over the last
// hundred. Three of four bids come from the hot bidder, every second one over one of four hot
// channels. A price is 100 * 10^x with x even in [0, 6).
//
// The stream depends on the seed alone, its times included: they begin at a fixed moment and 10,000
// events make a second, however fast the bids are taken. No failure, no thread of its own.
class BidStream {
 public:
  explicit BidStream(uint64_t seed) : random_(seed) {}
  Bid Next();

 private:
  int64_t Below(int64_t bound);  // even in [0, bound)
  int64_t NextAuction(int64_t epoch);
  int64_t NextBidder(int64_t epoch);
  int64_t NextPrice();
  std::string NextChannel();

  std::mt19937_64
      random_;  // the standard fixes its numbers, those of its distributions it does not
  int64_t bids_ = 0;
};

}  // namespace auction_bids
