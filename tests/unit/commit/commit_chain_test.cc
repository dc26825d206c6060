// SPDX-License-Identifier: Apache-2.0
#include "commit/commit_chain.h"

#include <gmock/gmock.h>

#include "effects/output_sink.h"
#include "unit/fakes/fake_store.h"

namespace millrace::commit {
namespace {

using effects::OutputTicket;
using testing::IsEmpty;
using testing::SizeIs;
using Chain = CommitChain<OutputTicket>;

class CommitChainTest : public testing::Test {
 protected:
  CommitChainTest() {
    database.task(0).epoch = "e";
    database.task(0).seq = 10;
    store.held = true;
  }
  Unit<OutputTicket>& CloseAt(int64_t offset) {
    chain.Advance(0, offset, {});
    return chain.Close();
  }
  CommitResult Reply() {
    CommitReply reply;
    EXPECT_TRUE(store.PollCommit(&reply));
    if (reply.result == CommitResult::kApplied) chain.Applied(reply.seq);
    return reply.result;
  }

  fakes::FakeDatabase database;
  fakes::FakeStore store{&database};
  Chain chain{0, "e", 10, 0, {{"in", 5}}};
};

TEST_F(CommitChainTest, UnitsFollowEachOtherFromTheStoredSeq) {
  CloseAt(6);
  CloseAt(7);
  chain.Send(&store, 10);
  ASSERT_THAT(store.commits, SizeIs(2));
  EXPECT_EQ(store.commits[0].expected_seq, 10u);
  EXPECT_EQ(store.commits[1].expected_seq, 11u);
  store.Settle();
  EXPECT_EQ(Reply(), CommitResult::kApplied);
  EXPECT_EQ(chain.applied()[0].offset, 6);
  EXPECT_EQ(Reply(), CommitResult::kApplied);
  EXPECT_EQ(chain.applied()[0].offset, 7);
  EXPECT_TRUE(chain.idle());
}

TEST_F(CommitChainTest, AUnitWaitsForItsOutputsAndHoldsItsSuccessorsBack) {
  Unit<OutputTicket>& first = CloseAt(6);
  first.ticket.pending = 1;
  CloseAt(7);
  chain.Send(&store, 10);
  EXPECT_THAT(store.commits, IsEmpty());
  first.ticket.pending = 0;
  chain.Send(&store, 10);
  EXPECT_THAT(store.commits, SizeIs(2));
}

TEST_F(CommitChainTest, AtMostSoManyAreInFlight) {
  for (int64_t i = 0; i < 5; ++i) CloseAt(6 + i);
  chain.Send(&store, 2);
  EXPECT_THAT(store.commits, SizeIs(2));
  store.Settle();
  Reply();
  chain.Send(&store, 2);
  EXPECT_THAT(store.commits, SizeIs(3));
}

TEST_F(CommitChainTest, ABrokenLinkLetsNoLaterUnitThrough) {
  CloseAt(6);
  CloseAt(7);
  database.task(0).seq = 9;  // the store went back
  chain.Send(&store, 10);
  store.Settle();
  EXPECT_EQ(Reply(), CommitResult::kDiverged);
  EXPECT_EQ(Reply(), CommitResult::kDiverged);
  EXPECT_EQ(database.commits_applied, 0u);
}

TEST_F(CommitChainTest, ARefusedOutputIsNamedWithWhereItsUnitBegins) {
  CloseAt(6);
  Unit<OutputTicket>& second = CloseAt(9);
  second.ticket.failed = Fatal("refused");
  const auto failed = chain.FirstFailed();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->ticket, &second.ticket);
  EXPECT_EQ((*failed->from)[0].offset, 6);
  chain.Send(&store, 10);
  EXPECT_THAT(store.commits, SizeIs(1)) << "what came before is committed";
}

TEST_F(CommitChainTest, WithoutAStoreAUnitIsDoneWithItsOutputs) {
  Unit<OutputTicket>& unit = CloseAt(6);
  unit.ticket.pending = 1;
  EXPECT_FALSE(chain.Settled());
  unit.ticket.pending = 0;
  ASSERT_TRUE(chain.Settled());
  chain.Applied(*chain.Settled());
  EXPECT_TRUE(chain.idle());
}

TEST_F(CommitChainTest, AnAbandonedUnitWithOutputsOnTheirWayKeepsItsAddress) {
  Unit<OutputTicket>& unit = CloseAt(6);
  unit.ticket.pending = 2;
  CloseAt(7);
  std::vector<std::unique_ptr<Unit<OutputTicket>>> graves;
  chain.Abandon(&graves);
  ASSERT_THAT(graves, SizeIs(1));
  EXPECT_EQ(graves[0].get(), &unit);
  EXPECT_TRUE(chain.idle());
}

TEST_F(CommitChainTest, AReusedUnitCarriesNothingOver) {
  Unit<OutputTicket>& first = CloseAt(6);
  first.Write(
      {.kind = WriteOp::Kind::kPutValue, .state = 0, .key = "k", .field = {}, .value = "v"});
  chain.Send(&store, 10);
  store.Settle();
  Reply();
  CloseAt(7);  // takes the open unit; the next one is reused
  CloseAt(8);
  chain.Send(&store, 10);
  ASSERT_THAT(store.commits, SizeIs(3));
  EXPECT_THAT(store.commits[2].writes, IsEmpty());
}

TEST_F(CommitChainTest, APositionThatDoesNotMoveIsNoProgress) {
  chain.AdvanceTo(0, 5, {});
  EXPECT_FALSE(chain.has_progress());
  chain.AdvanceTo(0, 6, {});
  EXPECT_TRUE(chain.has_progress());
}

}  // namespace
}  // namespace millrace::commit
