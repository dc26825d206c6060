// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace auction_bids {

// What the viewer shows of an output of the function `bids`. Prices are in cents.
struct AuctionStats {
  int64_t auction = 0;
  int64_t bids = 0;
  int64_t max_price = 0;
  int64_t avg_price = 0;
};

// None if `json` is not such an output.
std::optional<AuctionStats> ParseStats(std::string_view json);

}  // namespace auction_bids
