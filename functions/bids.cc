// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
using namespace millrace;

// What is known of one auction, after Nexmark's query 17. Prices are in cents.
struct AuctionStats {
  int64_t bids, rank1, rank2, rank3;  // rank1: below 10000, rank2: below 1000000, rank3: the rest
  int64_t min_price, max_price, price_sum;
};

constexpr Value<AuctionStats> auctions{"auctions"};
constexpr Output stats{"stats"};

namespace {

AuctionStats Add(AuctionStats to, int64_t price) {
  to.min_price = to.bids == 0 ? price : std::min(to.min_price, price);
  to.max_price = to.bids == 0 ? price : std::max(to.max_price, price);
  to.bids += 1;
  to.price_sum += price;
  (price < 10'000 ? to.rank1 : price < 1'000'000 ? to.rank2 : to.rank3) += 1;
  return to;
}

bool IsWhole(const nlohmann::json& bid, const char* name) {
  return bid.contains(name) && bid[name].is_number_integer();
}

std::string Render(int64_t auction, const AuctionStats& of) {
  const nlohmann::ordered_json json = {
      {"auction", auction},  {"bids", of.bids},     {"rank1", of.rank1},
      {"rank2", of.rank2},   {"rank3", of.rank3},   {"min", of.min_price},
      {"max", of.max_price}, {"sum", of.price_sum}, {"avg", of.price_sum / of.bids}};
  return json.dump();
}

}  // namespace

// Keyed by auction; the value is one bid:
// {"auction":1,"bidder":2,"price":3,"channel":"..","ts":..}.
Outcome CountBid(const Event& event, Context& context) {
  const auto bid = nlohmann::json::parse(event.value().view(), nullptr, false);
  if (!bid.is_object() || !IsWhole(bid, "auction") || !IsWhole(bid, "price")) {
    return Outcome::DeadLetter("not a bid: a JSON object with whole numbers as auction and price");
  }
  const AuctionStats now = Add(context[auctions].Or({}), bid["price"].get<int64_t>());
  context[auctions] = now;
  context.Emit(stats, event.key(), Render(bid["auction"].get<int64_t>(), now));
  return Outcome::Done();
}
MILLRACE_FUNCTION(CountBid, auctions, stats, SuggestedTopic{"bids"});
