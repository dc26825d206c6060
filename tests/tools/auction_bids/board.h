// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "auction_stats.h"
#include "base/result.h"
#include "recount.h"

namespace auction_bids {

// The last output of the function `bids` for every auction, and which of them are hot: those with
// the most bids since the last frame. One thread.
class Board {
 public:
  // A line of the topic; an error if it is no output of `bids`.
  millrace::Status Take(const std::string& text);

  // The lines to show: totals, then the ten hottest auctions. Begins the next frame, which is
  // `seconds` after this one or the beginning.
  std::vector<std::string> Frame(double seconds);

  TextByAuction Texts() const;
  int64_t bids() const { return bids_; }

 private:
  struct Auction {
    AuctionStats stats;
    std::string text;
    int64_t bids_before = 0;  // at the last frame
  };
  std::vector<const Auction*> Hottest() const;

  std::map<int64_t, Auction> auctions_;
  int64_t bids_ = 0;
  int64_t bids_before_ = 0;
};

struct Comparison {
  bool equal = false;
  std::vector<std::string> lines;  // "equal: N bids, M auctions", or the first differences
};

// Every auction of both sides, text by text.
Comparison Compare(const TextByAuction& function, const TextByAuction& recount);

}  // namespace auction_bids
