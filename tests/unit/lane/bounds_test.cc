// SPDX-License-Identifier: Apache-2.0
// What a task lets pile up when the store or the broker does not answer: so much, and then its
// events wait.
#include <gmock/gmock.h>

#include "lane/ownership.h"
#include "unit/fakes/fake_transactions.h"
#include "unit/lane/counting_lanes.h"

namespace millrace::lane {
namespace {

using fakes::LaneBench;
using fakes::Stateful;
using fakes::TestFunction;

constexpr int kEvents = 1000;

int32_t CountAndEmit(fakes::HandlerEvent& event) {
  event.Emit(2, event.key(), "x");
  return CountEvent(event);
}

// A task that closes a unit with every event, and has its key in the cache.
class Bounds : public testing::Test {
 protected:
  void Start() {
    bench.settings.commit_max_effects = 1;
    bench.settings.batch.max_records = 1;
    ASSERT_TRUE(bench.Create(&function));
    bench.Assign();
    Feed(1);
    ASSERT_TRUE(bench.RunAndCommit());
    ASSERT_EQ(function.calls(), 1);
  }
  void Feed(int events) {
    for (int i = 0; i < events; ++i) {
      world.log.Append({"in", 0}, {.timestamp_ms = 1000, .key = "key", .value = "v"});
    }
  }
  std::string Stored() { return world.database.value(0, 0, "key").value_or("none"); }

  fakes::World world;
  LaneBench bench{&world, Stateful::kYes};
  TestFunction function{kCountingUses, CountAndEmit};
};

TEST_F(Bounds, AStoreThatDoesNotAnswerIsSentAFewUnitsAndTheEventsWait) {
  Start();
  Feed(kEvents);
  bench.store.held = true;
  ASSERT_TRUE(bench.RunFor(Millis(1'000)));
  EXPECT_EQ(bench.store.outstanding(), kUnitsInFlightMax);
  EXPECT_EQ(function.calls(), 1 + static_cast<int>(kUnitsClosedMax));
  EXPECT_EQ(Stored(), "1");

  bench.store.held = false;
  bench.store.Settle();
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(function.calls(), 1 + kEvents);
  EXPECT_EQ(Stored(), std::to_string(1 + kEvents));
}

TEST_F(Bounds, ATransactionThatDoesNotEndLetsUnitsPileUpAndThenTheEventsWait) {
  fakes::FakeTransactions transactions;
  bench.transactions = &transactions;
  bench.settings.delivery = Delivery::kExactlyOnce;
  Start();
  ASSERT_TRUE(transactions.under_way());
  Feed(kEvents);
  ASSERT_TRUE(bench.RunFor(Millis(1'000)));
  EXPECT_EQ(transactions.requests.size(), 1u);
  // The first unit stored where the task starts, without an event or an output.
  EXPECT_EQ(function.calls(), static_cast<int>(kUnitsPublishingMax) - 1);

  size_t published = 0;
  while (transactions.under_way()) {
    published += transactions.requests.back().publications.size();
    transactions.Commit();
    ASSERT_TRUE(bench.RunAndCommit());
  }
  EXPECT_EQ(function.calls(), 1 + kEvents);
  EXPECT_EQ(published, static_cast<size_t>(1 + kEvents)) << "each unit once";
  EXPECT_EQ((world.group.committed[{"in", 0}]), 0) << "the transactions hold the offsets";
}

}  // namespace
}  // namespace millrace::lane
