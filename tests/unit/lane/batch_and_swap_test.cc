// SPDX-License-Identifier: Apache-2.0
// Handlers of batches, on-demand reads, and the swap of a library.
#include <gmock/gmock.h>

#include <algorithm>

#include "unit/fakes/lane_bench.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::LaneBench;
using fakes::Stateful;
using fakes::TestFunction;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::vector<Use> kUses = {
    {1, UseKind::kValue, "counts"}, {3, UseKind::kMap, "map"}, {2, UseKind::kOutput, "out"}};

int32_t Count(HandlerEvent& event) {
  const Slice known = event.Get(1);
  const int count = known.is_null() ? 0 : std::stoi(std::string(known.view()));
  event.Put(1, std::to_string(count + 1));
  return MR_DONE;
}

class BatchAndSwap : public testing::Test {
 protected:
  void Start(TestFunction* function) {
    ASSERT_TRUE(bench.Create(function));
    bench.Assign();
  }
  void Feed(int count) {
    for (int i = 0; i < count; ++i) world.log.Append({"in", 0}, {.key = "a", .value = "v"});
  }
  std::string Stored() { return world.database.value(0, 0, "a").value_or("none"); }
  int64_t Applied() { return world.database.applied(0, "in"); }

  fakes::World world;
  LaneBench bench{&world, Stateful::kYes};
};

TEST_F(BatchAndSwap, ABatchThatIsFullDoesNotWait) {
  std::vector<size_t> sizes;
  TestFunction function(kUses, [&](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    sizes.push_back(events.size());
    for (int32_t& outcome : outcomes) outcome = MR_DONE;
  });
  bench.settings.batch = {.max_records = 3, .max_wait = Millis(1000)};
  Feed(7);
  Start(&function);
  ASSERT_TRUE(bench.Run());
  EXPECT_THAT(sizes, ElementsAre(3, 3));
  ASSERT_TRUE(bench.RunFor(Millis(990)));
  EXPECT_THAT(sizes, SizeIs(2));
  ASSERT_TRUE(bench.RunFor(Millis(20)));
  EXPECT_THAT(sizes, ElementsAre(3, 3, 1));
}

TEST_F(BatchAndSwap, ABatchWaitsForMoreEventsAtMostMaxWaitFromItsFirst) {
  std::vector<size_t> sizes;
  TestFunction function(kUses, [&](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    sizes.push_back(events.size());
    for (int32_t& outcome : outcomes) outcome = MR_DONE;
  });
  bench.settings.batch = {.max_records = 100, .max_wait = Millis(50)};
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(200)));
  Feed(2);
  ASSERT_TRUE(bench.RunFor(Millis(40)));
  EXPECT_THAT(sizes, IsEmpty());
  Feed(1);
  ASSERT_TRUE(bench.RunFor(Millis(10)));
  EXPECT_THAT(sizes, ElementsAre(3));
}

TEST_F(BatchAndSwap, ThePrefixOfABatchIsKeptAndTheRestIsGivenAgain) {
  std::vector<std::vector<int64_t>> calls;
  TestFunction function(kUses, [&](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    calls.emplace_back();
    for (size_t i = 0; i < events.size(); ++i) {
      calls.back().push_back(events[i].offset());
      Count(events[i]);
      events[i].Emit(2, "k", std::to_string(events[i].offset()));
      const bool fails = events[i].offset() == 2 && events[i].raw().attempt == 1;
      outcomes[i] = fails ? MR_RETRY : MR_DONE;
    }
  });
  Feed(4);
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_THAT(calls, ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(2, 3)));
  EXPECT_EQ(Stored(), "4");
  std::vector<std::string> out;
  for (const auto& record : bench.sink.produced) out.push_back(record.value.value_or("null"));
  EXPECT_THAT(out, ElementsAre("0", "1", "2", "3"));
}

// As the SDK reports an exception that leaves a handler of batches: retry for every event.
TEST_F(BatchAndSwap, ABatchThatFailsAsAWholeIsHalvedUntilTheBadEventStandsAlone) {
  std::vector<size_t> calls;
  TestFunction function(kUses, [&](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    calls.push_back(events.size());
    const bool bad = std::any_of(events.begin(), events.end(),
                                 [](const HandlerEvent& event) { return event.offset() == 6; });
    for (size_t i = 0; i < events.size(); ++i) {
      if (!bad) Count(events[i]);
      outcomes[i] = !bad ? MR_DONE : events.size() > 1 ? MR_RETRY : MR_DROP;
    }
  });
  Feed(8);
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(2'000)));
  EXPECT_EQ(Stored(), "7");
  EXPECT_EQ(Applied(), 8);
  EXPECT_THAT(calls, ElementsAre(8, 4, 4, 2, 2, 1, 1));
}

TEST_F(BatchAndSwap, AfterADroppedEventOfABatchTheRestIsGivenAgain) {
  std::vector<std::vector<int64_t>> calls;
  TestFunction function(kUses, [&](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    calls.emplace_back();
    for (size_t i = 0; i < events.size(); ++i) {
      calls.back().push_back(events[i].offset());
      Count(events[i]);
      outcomes[i] = events[i].offset() == 1 ? MR_DROP : MR_DONE;
    }
  });
  Feed(4);
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_THAT(calls, ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(2, 3)));
  EXPECT_EQ(Stored(), "3");
  EXPECT_EQ(Applied(), 4);
}

TEST_F(BatchAndSwap, ContextsUsedOutOfOrderGiveEffectsInEventOrder) {
  TestFunction function(kUses, [&](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    for (size_t i = events.size(); i-- > 0;) {
      events[i].Put(1, std::to_string(events[i].offset()));
      events[i].Emit(2, "k", std::to_string(events[i].offset()));
      outcomes[i] = events[i].offset() == 2 ? MR_FATAL : MR_DONE;
    }
  });
  Feed(4);
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "1") << "the last event of the prefix decides";
  EXPECT_EQ(Applied(), 2);
  std::vector<std::string> ids;
  for (const auto& record : bench.sink.produced) ids.push_back(record.id);
  EXPECT_THAT(ids, ElementsAre("test/in/0/0/0", "test/in/0/1/0"));
  EXPECT_THAT(bench.lane->stop_reason().value_or(StopReason{}).text, HasSubstr("in/0@2: fatal"));
}

TEST_F(BatchAndSwap, ALargeMapIsReadByFieldAndScannedWhole) {
  auto& map = world.database.task(0).maps[{1, "a"}];
  for (int i = 0; i < 10; ++i) map[std::to_string(i)] = std::string(10'000, 'x');
  size_t scanned = 0;
  size_t field = 0;
  TestFunction function(kUses, [&](HandlerEvent& event) {
    field = event.Get(3, {}, "4").size();
    if (event.offset() == 1) scanned = event.Scan(3).size();
    event.Put(3, "new", {}, "10");
    return MR_DONE;
  });
  Feed(1);
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(field, 10'000u);
  EXPECT_EQ(bench.store.reads_now, 1u);
  EXPECT_EQ(bench.counters.state_ondemand_reads.value(), 1u);
  Feed(1);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(scanned, 11u);
  EXPECT_EQ(bench.store.reads_now, 2u);
}

TEST_F(BatchAndSwap, StateIsPrefetchedInOneReadPerBatch) {
  for (int i = 0; i < 10; ++i) {
    world.log.Append({"in", 0}, {.key = "key" + std::to_string(i), .value = "v"});
  }
  TestFunction function(kUses, Count);
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(bench.store.reads, 1u);
  EXPECT_EQ(bench.store.items_read, 20u);
  EXPECT_EQ(bench.store.reads_now, 0u);
}

TEST_F(BatchAndSwap, TheNextBatchIsReadWhileOneWaitsForItsOwn) {
  bench.settings.batch.max_records = 2;
  for (int i = 0; i < 6; ++i) {
    world.log.Append({"in", 0}, {.key = "key" + std::to_string(i), .value = "v"});
  }
  TestFunction function(kUses, Count);
  Start(&function);
  while (bench.Task().phase != TaskPhase::kRunning) bench.Step();
  bench.store.held = true;
  ASSERT_TRUE(bench.Run());
  EXPECT_GE(bench.store.reads, 2u);
  bench.store.held = false;
  bench.store.Settle();
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Applied(), 6);
}

TEST_F(BatchAndSwap, SwapTakesEffectAtTheNextBatchAndStopsTheFormerInstance) {
  TestFunction first(kUses, Count);
  TestFunction second(kUses, [](HandlerEvent& event) {
    event.Put(1, "second");
    return MR_DONE;
  });
  Feed(2);
  Start(&first);
  ASSERT_TRUE(bench.Run());
  ASSERT_TRUE(bench.lane->Swap(second.generation()));
  EXPECT_EQ(first.stopped(), 1);
  Feed(1);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(first.calls(), 2);
  EXPECT_EQ(second.calls(), 1);
  EXPECT_EQ(Stored(), "second");
  EXPECT_EQ(bench.store.acquires, 1u) << "the tasks stay";
}

TEST_F(BatchAndSwap, SwapToOtherUsesOrAFailingStartIsRefusedAndTheOldOneStays) {
  TestFunction first(kUses, Count);
  TestFunction other({{1, UseKind::kValue, "renamed"}}, Count);
  TestFunction fails(kUses, Count);
  fails.RefuseStart("no licence");
  Start(&first);
  EXPECT_FALSE(bench.lane->Swap(other.generation()));
  const Status refused = bench.lane->Swap(fails.generation());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "no licence");
  EXPECT_EQ(first.stopped(), 0);
  Feed(1);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(first.calls(), 1);
}

TEST_F(BatchAndSwap, ALibraryThatRefusesToStartMakesNoLane) {
  TestFunction function(kUses, Count);
  function.RefuseStart("no licence");
  const Status created = bench.Create(&function);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().message, "no licence");
}

}  // namespace
}  // namespace millrace::lane
