// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "bid_stream.h"

namespace auction_bids {

// What the function `bids` should have made of a stream, counted here a second time and by other
// code: per auction the text of its last output.
using TextByAuction = std::map<int64_t, std::string>;

class Recount {
 public:
  // `json` is what is sent for `bid`; it goes into the checksum.
  void Add(const Bid& bid, const std::string& json);

  int64_t bids() const { return bids_; }
  int64_t auctions() const { return static_cast<int64_t>(auctions_.size()); }
  uint64_t checksum() const { return checksum_; }  // FNV-1a over all lines, each with its newline

  TextByAuction Texts() const;
  // One text per line in the order of the auctions. The file appears whole or not at all.
  millrace::Status Write(const std::string& path) const;

 private:
  struct Auction {
    int64_t bids = 0;
    int64_t below_100_00 = 0;
    int64_t below_10000_00 = 0;
    int64_t lowest = 0;
    int64_t highest = 0;
    int64_t sum = 0;
  };
  std::map<int64_t, Auction> auctions_;
  int64_t bids_ = 0;
  uint64_t checksum_ = 0xcbf29ce484222325;  // where FNV-1a begins
};

// What Write has written. A line that is no output of `bids` is an error.
millrace::Result<TextByAuction> ReadRecount(const std::string& path);

}  // namespace auction_bids
