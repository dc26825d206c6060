// SPDX-License-Identifier: Apache-2.0
#include "bid_stream.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace auction_bids {
namespace {

// An epoch is one round of 50 events: first the person, then the auctions, then the bids.
constexpr int64_t kPersonsPerEpoch = 1;
constexpr int64_t kAuctionsPerEpoch = 3;
constexpr int64_t kBidsPerEpoch = 46;
constexpr int64_t kEventsPerEpoch = kPersonsPerEpoch + kAuctionsPerEpoch + kBidsPerEpoch;

constexpr int64_t kFirstId = 1'000;  // of auctions and of persons
constexpr int64_t kHotEvery = 100;   // one auction and one bidder of so many are hot for a while
constexpr int64_t kHotAuctionOneIn = 2;  // all bids but one in so many go to the hot auction
constexpr int64_t kHotBidderOneIn = 4;   // all but one in so many come from the hot bidder
constexpr int64_t kAuctionsInFlight = 100;
constexpr int64_t kActivePersons = 1'000;
constexpr int64_t kIdLead = 10;  // ids not made yet that may be named already

constexpr double kPriceDecades = 6;
constexpr double kLowestPrice = 100;

constexpr std::array<const char*, 4> kHotChannels = {"Google", "Facebook", "Baidu", "Apple"};
constexpr int64_t kColdChannels = 10'000;

constexpr int64_t kFirstTimestampMs = 1'700'000'000'000;
constexpr int64_t kEventsPerMs = 10;

}  // namespace

std::string ToJson(const Bid& bid) {
  return "{\"auction\":" + std::to_string(bid.auction) +
         ",\"bidder\":" + std::to_string(bid.bidder) + ",\"price\":" + std::to_string(bid.price) +
         ",\"channel\":\"" + bid.channel + "\",\"ts\":" + std::to_string(bid.timestamp_ms) + "}";
}

Bid BidStream::Next() {
  const int64_t epoch = bids_ / kBidsPerEpoch;
  const int64_t event =
      epoch * kEventsPerEpoch + kPersonsPerEpoch + kAuctionsPerEpoch + bids_ % kBidsPerEpoch;
  ++bids_;
  Bid bid;
  bid.auction = NextAuction(epoch);
  bid.bidder = NextBidder(epoch);
  bid.price = NextPrice();
  bid.channel = NextChannel();
  bid.timestamp_ms = kFirstTimestampMs + event / kEventsPerMs;
  return bid;
}

// The remainder favours small numbers by less than one in 10^14 here.
int64_t BidStream::Below(int64_t bound) {
  return static_cast<int64_t>(random_() % static_cast<uint64_t>(bound));
}

int64_t BidStream::NextAuction(int64_t epoch) {
  const int64_t last = epoch * kAuctionsPerEpoch + kAuctionsPerEpoch - 1;
  if (Below(kHotAuctionOneIn) > 0) return kFirstId + last / kHotEvery * kHotEvery;
  const int64_t first = std::max<int64_t>(last - kAuctionsInFlight, 0);
  return kFirstId + first + Below(last - first + 1 + kIdLead);
}

int64_t BidStream::NextBidder(int64_t epoch) {
  const int64_t last = epoch * kPersonsPerEpoch;
  if (Below(kHotBidderOneIn) > 0) return kFirstId + last / kHotEvery * kHotEvery + 1;
  const int64_t active = std::min(last + 1, kActivePersons);
  return kFirstId + last + 1 - active + Below(active + kIdLead);
}

int64_t BidStream::NextPrice() {
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53: the bits of a double
  const double share = static_cast<double>(random_() >> 11) * kScale;
  return std::llround(std::pow(10.0, share * kPriceDecades) * kLowestPrice);
}

std::string BidStream::NextChannel() {
  if (Below(2) > 0) return kHotChannels[static_cast<size_t>(Below(kHotChannels.size()))];
  return "channel-" + std::to_string(Below(kColdChannels));
}

}  // namespace auction_bids
