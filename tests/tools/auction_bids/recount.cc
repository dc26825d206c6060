// SPDX-License-Identifier: Apache-2.0
#include "recount.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "auction_stats.h"

namespace auction_bids {
namespace {

constexpr uint64_t kFnvPrime = 0x100000001b3;
constexpr int64_t kRank1Below = 10'000;
constexpr int64_t kRank2Below = 1'000'000;

uint64_t Mix(uint64_t checksum, char byte) {
  return (checksum ^ static_cast<unsigned char>(byte)) * kFnvPrime;
}

}  // namespace

void Recount::Add(const Bid& bid, const std::string& json) {
  Auction& of = auctions_[bid.auction];
  if (of.bids == 0) of.lowest = bid.price;
  of.lowest = std::min(of.lowest, bid.price);
  of.highest = std::max(of.highest, bid.price);
  of.sum += bid.price;
  ++of.bids;
  if (bid.price < kRank1Below) {
    ++of.below_100_00;
  } else if (bid.price < kRank2Below) {
    ++of.below_10000_00;
  }
  ++bids_;
  for (const char byte : json) checksum_ = Mix(checksum_, byte);
  checksum_ = Mix(checksum_, '\n');
}

TextByAuction Recount::Texts() const {
  TextByAuction texts;
  for (const auto& [id, of] : auctions_) {
    std::string text = "{";
    const auto add = [&](const char* name, int64_t number) {
      text.append(text.size() > 1 ? ",\"" : "\"").append(name).append("\":");
      text += std::to_string(number);
    };
    add("auction", id);
    add("bids", of.bids);
    add("rank1", of.below_100_00);
    add("rank2", of.below_10000_00);
    add("rank3", of.bids - of.below_100_00 - of.below_10000_00);
    add("min", of.lowest);
    add("max", of.highest);
    add("sum", of.sum);
    add("avg", of.sum / of.bids);
    texts[id] = text + "}";
  }
  return texts;
}

millrace::Status Recount::Write(const std::string& path) const {
  const std::string unfinished = path + ".part";
  std::ofstream file(unfinished, std::ios::trunc);
  for (const auto& [id, text] : Texts()) file << text << '\n';
  file.close();
  if (file && std::rename(unfinished.c_str(), path.c_str()) == 0) return {};
  return millrace::Fatal("the recount cannot be written to " + path + ": " + std::strerror(errno));
}

millrace::Result<TextByAuction> ReadRecount(const std::string& path) {
  std::ifstream file(path);
  if (!file) return millrace::Fatal("the recount " + path + " cannot be read");
  TextByAuction texts;
  std::string line;
  while (std::getline(file, line)) {
    const auto stats = ParseStats(line);
    if (!stats) return millrace::Fatal(path + ": not an auction's statistics: " + line);
    texts[stats->auction] = line;
  }
  return texts;
}

}  // namespace auction_bids
