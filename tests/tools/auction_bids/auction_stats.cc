// SPDX-License-Identifier: Apache-2.0
#include "auction_stats.h"

#include <boost/json.hpp>

namespace auction_bids {

std::optional<AuctionStats> ParseStats(std::string_view json) {
  boost::system::error_code failure;
  const boost::json::value parsed = boost::json::parse({json.data(), json.size()}, failure);
  const boost::json::object* object = failure ? nullptr : parsed.if_object();
  if (!object) return std::nullopt;
  bool whole = true;
  const auto number = [&](const char* name) {
    const boost::json::value* found = object->if_contains(name);
    const int64_t* value = found ? found->if_int64() : nullptr;
    whole = whole && value;
    return value ? *value : 0;
  };
  AuctionStats stats;
  stats.auction = number("auction");
  stats.bids = number("bids");
  stats.max_price = number("max");
  stats.avg_price = number("avg");
  return whole ? std::optional(stats) : std::nullopt;
}

}  // namespace auction_bids
