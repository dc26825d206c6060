// SPDX-License-Identifier: Apache-2.0
#include "board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace auction_bids {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string Output(int64_t auction, int64_t bids) {
  return "{\"auction\":" + std::to_string(auction) + ",\"bids\":" + std::to_string(bids) +
         ",\"rank1\":0,\"rank2\":0,\"rank3\":0,\"min\":1,\"max\":500,\"sum\":9,\"avg\":250}";
}

TEST(BoardTest, ShowsTheAuctionsWithTheMostBidsSinceTheLastFrameFirst) {
  Board board;
  ASSERT_TRUE(board.Take(Output(1, 50)));
  ASSERT_TRUE(board.Take(Output(2, 20)));
  board.Frame(1);
  ASSERT_TRUE(board.Take(Output(1, 51)));
  ASSERT_TRUE(board.Take(Output(2, 1'230)));
  EXPECT_THAT(board.Frame(0.5),
              ElementsAre("bids counted 1,281   2,422/s   auctions 2", HasSubstr("new bids"),
                          "        2    +1,210     1,230           2.50           5.00",
                          "        1        +1        51           2.50           5.00"));
}

TEST(BoardTest, AnOutputSeenTwiceCountsOnce) {
  Board board;
  ASSERT_TRUE(board.Take(Output(1, 50)));
  ASSERT_TRUE(board.Take(Output(1, 50)));
  EXPECT_EQ(board.bids(), 50);
}

TEST(BoardTest, AValueThatIsNoOutputIsAnError) {
  Board board;
  EXPECT_FALSE(board.Take("{}"));
  EXPECT_FALSE(board.Take("[1"));
  EXPECT_FALSE(board.Take(R"({"auction":"1","bids":1,"max":1,"avg":1})"));
}

TEST(CompareTest, EqualSidesAreTotalled) {
  const TextByAuction texts = {{1, Output(1, 2)}, {7, Output(7, 3)}};
  const Comparison comparison = Compare(texts, texts);
  EXPECT_TRUE(comparison.equal);
  EXPECT_THAT(comparison.lines, ElementsAre("equal: 5 bids, 2 auctions"));
}

TEST(CompareTest, AMissingAndADifferentAuctionAreShown) {
  const Comparison comparison =
      Compare({{1, Output(1, 2)}}, {{1, Output(1, 3)}, {7, Output(7, 3)}});
  EXPECT_FALSE(comparison.equal);
  EXPECT_THAT(comparison.lines,
              ElementsAre(StartsWith("DIFFERENT: 2 of 2 auctions; the function counted 2 bids, "
                                     "the generator sent 6"),
                          "  function: " + Output(1, 2), "  recount:  " + Output(1, 3),
                          "  function: nothing", "  recount:  " + Output(7, 3)));
}

}  // namespace
}  // namespace auction_bids
