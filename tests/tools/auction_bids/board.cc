// SPDX-License-Identifier: Apache-2.0
#include "board.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

namespace auction_bids {
namespace {

constexpr size_t kRows = 10;
constexpr size_t kDifferencesShown = 5;
constexpr double kCentsPerUnit = 100;

std::string WithCommas(int64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string Money(int64_t cents) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", static_cast<double>(cents) / kCentsPerUnit);
  return text.data();
}

std::string Row(const std::array<std::string, 5>& cells) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), "%9s %9s %9s %14s %14s", cells[0].c_str(),
                cells[1].c_str(), cells[2].c_str(), cells[3].c_str(), cells[4].c_str());
  return text.data();
}

int64_t BidsIn(const TextByAuction& texts) {
  int64_t bids = 0;
  for (const auto& [id, text] : texts) {
    if (const auto stats = ParseStats(text)) bids += stats->bids;
  }
  return bids;
}

}  // namespace

millrace::Status Board::Take(const std::string& text) {
  const auto stats = ParseStats(text);
  if (!stats) return millrace::Fatal("not an output of the function bids: " + text);
  Auction& auction = auctions_[stats->auction];
  bids_ += stats->bids - auction.stats.bids;
  auction.stats = *stats;
  auction.text = text;
  return {};
}

std::vector<const Board::Auction*> Board::Hottest() const {
  std::vector<const Auction*> all;
  for (const auto& [id, auction] : auctions_) {
    if (auction.stats.bids > auction.bids_before) all.push_back(&auction);
  }
  const auto hotter = [](const Auction* a, const Auction* b) {
    const int64_t a_new = a->stats.bids - a->bids_before;
    const int64_t b_new = b->stats.bids - b->bids_before;
    return a_new != b_new ? a_new > b_new : a->stats.auction > b->stats.auction;
  };
  const size_t shown = std::min(kRows, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(),
                    hotter);
  all.resize(shown);
  return all;
}

std::vector<std::string> Board::Frame(double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(bids_ - bids_before_) / seconds : 0;
  std::vector<std::string> lines = {"bids counted " + WithCommas(bids_) + "   " +
                                        WithCommas(static_cast<int64_t>(rate)) + "/s   auctions " +
                                        WithCommas(static_cast<int64_t>(auctions_.size())),
                                    Row({"auction", "new bids", "bids", "average", "highest"})};
  for (const Auction* auction : Hottest()) {
    const AuctionStats& of = auction->stats;
    lines.push_back(
        Row({std::to_string(of.auction), "+" + WithCommas(of.bids - auction->bids_before),
             WithCommas(of.bids), Money(of.avg_price), Money(of.max_price)}));
  }
  bids_before_ = bids_;
  for (auto& [id, auction] : auctions_) auction.bids_before = auction.stats.bids;
  return lines;
}

TextByAuction Board::Texts() const {
  TextByAuction texts;
  for (const auto& [id, auction] : auctions_) texts[id] = auction.text;
  return texts;
}

Comparison Compare(const TextByAuction& function, const TextByAuction& recount) {
  if (function == recount) {
    return {.equal = true,
            .lines = {"equal: " + std::to_string(BidsIn(recount)) + " bids, " +
                      std::to_string(recount.size()) + " auctions"}};
  }
  std::set<int64_t> ids;
  for (const TextByAuction* side : {&function, &recount}) {
    for (const auto& [id, text] : *side) ids.insert(id);
  }
  const auto text_of = [](const TextByAuction& side, int64_t id) {
    const auto found = side.find(id);
    return found == side.end() ? std::string("nothing") : found->second;
  };
  std::vector<std::string> lines;
  size_t different = 0;
  for (const int64_t id : ids) {
    const std::string counted = text_of(function, id);
    const std::string sent = text_of(recount, id);
    if (counted == sent || ++different > kDifferencesShown) continue;
    lines.push_back("  function: " + counted);
    lines.push_back("  recount:  " + sent);
  }
  lines.insert(lines.begin(), "DIFFERENT: " + std::to_string(different) + " of " +
                                  std::to_string(ids.size()) + " auctions; the function counted " +
                                  std::to_string(BidsIn(function)) + " bids, the generator sent " +
                                  std::to_string(BidsIn(recount)));
  return {.equal = false, .lines = std::move(lines)};
}

}  // namespace auction_bids
