// SPDX-License-Identifier: Apache-2.0
// What a running task does with its records: state, outputs, outcomes.
#include <gmock/gmock.h>

#include "unit/fakes/lane_bench.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::LaneBench;
using fakes::Stateful;
using fakes::TestFunction;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const std::vector<Use> kUses = {{1, UseKind::kValue, "counts"}, {2, UseKind::kOutput, "out"}};

int32_t Count(HandlerEvent& event) {
  const Slice known = event.Get(1);
  const int count = known.is_null() ? 0 : std::stoi(std::string(known.view()));
  event.Put(1, std::to_string(count + 1));
  return MR_DONE;
}

class RecordPath : public testing::Test {
 protected:
  void Start(TestFunction* function) {
    ASSERT_TRUE(bench.Create(function));
    bench.Assign();
  }
  void Feed(const std::string& key, const std::string& value = "v", int64_t timestamp = 1000) {
    world.log.Append({"in", 0}, {.timestamp_ms = timestamp, .key = key, .value = value});
  }
  std::string Stored(const std::string& key) {
    return world.database.value(0, 0, key).value_or("none");
  }
  int64_t Applied() { return world.database.applied(0, "in"); }

  fakes::World world;
  LaneBench bench{&world, Stateful::kYes};
};

TEST_F(RecordPath, CountsPerKeyAreCommittedWithTheirOffset) {
  TestFunction function(kUses, Count);
  for (int i = 0; i < 10; ++i) Feed(i % 2 == 0 ? "even" : "odd");
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored("even"), "5");
  EXPECT_EQ(Stored("odd"), "5");
  EXPECT_EQ(Applied(), 10);
  EXPECT_EQ((world.group.committed[{"in", 0}]), 10);
}

TEST_F(RecordPath, AnIdleLaneSleeps) {
  TestFunction function(kUses, Count);
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_GT(bench.Step(), world.clock.Now());
  const uint64_t acquires = bench.store.acquires;
  const size_t commits = bench.store.commits.size();
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.store.acquires, acquires);
  EXPECT_EQ(bench.store.commits.size(), commits);
}

TEST_F(RecordPath, OneWritePerDirtyKeyAndUnit) {
  TestFunction function(kUses, Count);
  for (int i = 0; i < 100; ++i) Feed("same");
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  ASSERT_THAT(bench.store.commits, SizeIs(2));  // the first start, then the events
  EXPECT_THAT(bench.store.commits[1].writes, SizeIs(1));
  EXPECT_EQ(bench.store.commits[1].writes[0].value, "100");
}

TEST_F(RecordPath, UnitClosesAtMaxEffects) {
  bench.settings.commit_max_effects = 3;
  TestFunction function(kUses, Count);
  for (int i = 0; i < 9; ++i) Feed("key" + std::to_string(i));
  Start(&function);
  ASSERT_TRUE(bench.Run());
  ASSERT_THAT(bench.store.commits, SizeIs(4));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_THAT(bench.store.commits[i].writes, SizeIs(3));
    EXPECT_EQ(bench.store.commits[i].applied[0].offset, static_cast<int64_t>(3 * i));
  }
}

TEST_F(RecordPath, UnitClosesAtMaxBytes) {
  bench.settings.commit_max_bytes = 1000;
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Put(1, std::string(600, 'x'));
    return MR_DONE;
  });
  for (int i = 0; i < 4; ++i) Feed("key" + std::to_string(i));
  Start(&function);
  ASSERT_TRUE(bench.Run());
  ASSERT_THAT(bench.store.commits, SizeIs(3));
  EXPECT_THAT(bench.store.commits[1].writes, SizeIs(2));
}

TEST_F(RecordPath, UnitClosesAfterTheCommitInterval) {
  TestFunction function(kUses, Count);
  Feed("key");
  Start(&function);
  ASSERT_TRUE(bench.Run());
  bench.Advance(Millis(99));
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(Applied(), 0);
  bench.Advance(Millis(1));
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(Applied(), 1);
}

TEST_F(RecordPath, SuccessorNamesItsPredecessorWhileItIsInFlight) {
  bench.settings.commit_max_effects = 1;
  TestFunction function(kUses, Count);
  Feed("key");
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  for (int i = 0; i < 3; ++i) Feed("key");
  bench.store.held = true;
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(bench.store.outstanding(), 3u) << "the next batch runs on top of what is in flight";
  EXPECT_EQ(Stored("key"), "1");
  bench.store.Settle();
  ASSERT_TRUE(bench.Run());
  ASSERT_THAT(bench.store.commits, SizeIs(5));
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(bench.store.commits[i].expected_seq, i);
    EXPECT_EQ(bench.store.commits[i].seq, i + 1);
  }
  EXPECT_EQ(Stored("key"), "4");
}

TEST_F(RecordPath, UnitIsNotSentBeforeItsOutputsAreAcknowledged) {
  bench.sink.held = true;
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Emit(2, event.key(), "out");
    return Count(event);
  });
  Feed("a");
  Feed("b");
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Applied(), 0);
  bench.sink.Acknowledge(1);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Applied(), 0);
  bench.sink.Acknowledge(1);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Applied(), 2);
}

TEST_F(RecordPath, OutputsCarryTheirIdAndTheEventsTime) {
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Emit(2, "k", "one");
    event.Emit(2, {}, {});
    return MR_DONE;
  });
  Feed("a", "v", 4711);
  Start(&function);
  ASSERT_TRUE(bench.Run());
  ASSERT_THAT(bench.sink.produced, SizeIs(2));
  EXPECT_EQ(bench.sink.produced[0].id, "test/in/0/0/0");
  EXPECT_EQ(bench.sink.produced[1].id, "test/in/0/0/1");
  EXPECT_EQ(bench.sink.produced[0].timestamp_ms, 4711);
  EXPECT_EQ(bench.sink.produced[1].key, OwnedBytes());
  EXPECT_EQ(bench.sink.produced[1].value, OwnedBytes());
}

TEST_F(RecordPath, NoEventRunsWhileTheOutputQueueIsFull) {
  bench.sink.held = true;
  bench.settings.output_bytes_max = 10;
  bench.settings.batch.max_records = 1;
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Emit(2, "", "0123456789");
    return MR_DONE;
  });
  for (int i = 0; i < 3; ++i) Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_EQ(function.calls(), 1);
  bench.sink.Acknowledge();
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(function.calls(), 2);
}

TEST_F(RecordPath, EmitsAndWritesOfAFailedEventAreDropped) {
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Emit(2, event.key(), event.value());
    Count(event);
    return event.value() == Slice("bad") ? MR_DROP : MR_DONE;
  });
  Feed("a", "good");
  Feed("a", "bad");
  Feed("a", "good");
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored("a"), "2");
  EXPECT_THAT(bench.sink.produced, SizeIs(2));
  EXPECT_EQ(Applied(), 3);
  EXPECT_EQ(bench.counters.invocations_of(observe::OutcomeLabel::kDrop).value(), 1u);
  EXPECT_THAT(bench.observer.not_done, ElementsAre(HasSubstr("drop: in/0@1")));
}

TEST_F(RecordPath, RetryBacksOffFrom100MsDoublingTo30S) {
  std::vector<SteadyTime> calls;
  std::vector<uint32_t> attempts;
  TestFunction function(kUses, [&](HandlerEvent& event) {
    calls.push_back(world.clock.Now());
    attempts.push_back(event.raw().attempt);
    return MR_RETRY;
  });
  Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(200'000)));
  ASSERT_GE(calls.size(), 12u);
  int64_t expected = 100;
  for (size_t i = 1; i < calls.size(); ++i) {
    EXPECT_EQ((calls[i] - calls[i - 1]) / Millis(1), expected) << i;
    EXPECT_EQ(attempts[i], i + 1);
    expected = std::min<int64_t>(expected * 2, 30'000);
  }
  EXPECT_EQ(Applied(), 0);
  ASSERT_TRUE(bench.Task().retry.has_value());
  EXPECT_EQ(bench.Task().retry->topic, "in");
  EXPECT_EQ(bench.Task().retry->offset, 0);
  EXPECT_EQ(bench.counters.retries_waiting.value(), 1u);
}

TEST_F(RecordPath, ARetryThatSucceedsGoesOnInOrder) {
  std::vector<int64_t> done;
  TestFunction function(kUses, [&](HandlerEvent& event) -> int32_t {
    if (event.offset() == 1 && event.raw().attempt < 3) return MR_RETRY;
    done.push_back(event.offset());
    return Count(event);
  });
  for (int i = 0; i < 4; ++i) Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_THAT(done, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(Stored("a"), "4");
  EXPECT_FALSE(bench.Task().retry.has_value());
}

TEST_F(RecordPath, OtherTasksGoOnWhileOneRetries) {
  TestFunction function(kUses, [&](HandlerEvent& event) -> int32_t {
    return event.raw().partition == 0 ? MR_RETRY : Count(event);
  });
  Feed("a");
  world.log.Append({"in", 1}, {.key = "b", .value = "v"});
  Start(&function);
  bench.Assign(1);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(world.database.applied(1, "in"), 1);
  EXPECT_EQ(Applied(), 0);
}

TEST_F(RecordPath, DeadLetterStopsTheTaskWithCoordinatesAndKeepsThePrefix) {
  TestFunction function(kUses, [](HandlerEvent& event) -> int32_t {
    if (event.offset() != 2) return Count(event);
    event.Because("no such page");
    return MR_DEAD_LETTER;
  });
  for (int i = 0; i < 5; ++i) Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.Task().phase, TaskPhase::kStopped);
  ASSERT_TRUE(bench.lane->stop_reason());
  EXPECT_EQ(bench.lane->stop_reason()->kind, StopReason::Kind::kEvent);
  EXPECT_EQ(bench.lane->stop_reason()->text, "in/0@2: dead-letter: no such page");
  EXPECT_EQ(Stored("a"), "2");
  EXPECT_EQ(Applied(), 2);
  EXPECT_EQ((world.group.committed[{"in", 0}]), 2);
}

TEST_F(RecordPath, UnknownOutcomeIsFatal) {
  TestFunction function(kUses, [](HandlerEvent&) { return 17; });
  Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.lane->stop_reason()->text, "in/0@0: fatal: unknown outcome 17");
  EXPECT_EQ(Applied(), 0);
}

TEST_F(RecordPath, AFailedHostCallFailsTheEventEvenIfIgnored) {
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Get(1);  // no key
    return MR_DONE;
  });
  world.log.Append({"in", 0}, {.key = {}, .value = "v"});
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  ASSERT_TRUE(bench.lane->stop_reason());
  EXPECT_THAT(bench.lane->stop_reason()->text, HasSubstr("in/0@0: dead-letter: no_key"));
}

TEST_F(RecordPath, AnUnreadableOtherKeyRetriesTheEvent) {
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Get(1, "other");
    return MR_DONE;
  });
  Feed("a");
  bench.store.read_now_fails = true;
  Start(&function);
  ASSERT_TRUE(bench.Run());
  EXPECT_TRUE(bench.Task().retry.has_value());
  bench.store.read_now_fails = false;
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_EQ(Applied(), 1);
}

TEST_F(RecordPath, AnOutputThatItsTopicRefusesAtOnceStopsBeforeItsEvent) {
  TestFunction function(kUses, [&](HandlerEvent& event) {
    if (event.offset() == 2) {
      bench.sink.refuses_at_once = Fatal("topic out refuses");
      event.Emit(2, "k", "v");
    }
    return Count(event);
  });
  for (int i = 0; i < 4; ++i) Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  EXPECT_EQ(bench.lane->stop_reason()->text, "in/0@2: topic out refuses");
  EXPECT_EQ(Applied(), 2);
  EXPECT_EQ(Stored("a"), "2") << "the state ran ahead of applied: the event would count twice";
}

TEST_F(RecordPath, AnOutputThatIsRefusedLaterStopsTheTaskAndIsNeverPassed) {
  bench.sink.held = true;
  bench.settings.commit_max_effects = 1;
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Emit(2, event.key(), "v");
    return Count(event);
  });
  for (int i = 0; i < 3; ++i) Feed("key" + std::to_string(i));
  Start(&function);
  ASSERT_TRUE(bench.Run());
  bench.sink.Acknowledge(1);
  bench.sink.refuses_later = Fatal("topic out refuses for good");
  bench.sink.Acknowledge();
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  ASSERT_TRUE(bench.lane->stop_reason());
  EXPECT_THAT(bench.lane->stop_reason()->text, HasSubstr("topic out refuses for good"));
  EXPECT_THAT(bench.lane->stop_reason()->text, HasSubstr("in/0@1"));
  EXPECT_EQ(Applied(), 1);
}

TEST_F(RecordPath, AnEmitThatIsTooLargeFailsItsEvent) {
  bench.sink.message_bytes = 2000;
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Emit(2, "k", std::string(3000, 'x'));
    return MR_DONE;
  });
  Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_THAT(bench.lane->stop_reason()->text, HasSubstr("too_large"));
  EXPECT_THAT(bench.sink.produced, SizeIs(0));
}

TEST_F(RecordPath, AnEmitToATopicThatIsNotKnownIsRetried) {
  bench.sink.partition_counts.clear();
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Emit(2, "k", "v");
    return MR_DONE;
  });
  Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.Run());
  ASSERT_TRUE(bench.Task().retry.has_value());
  bench.sink.partition_counts[0] = 1;
  ASSERT_TRUE(bench.RunFor(Millis(500)));
  EXPECT_THAT(bench.sink.produced, SizeIs(1));
}

TEST_F(RecordPath, AHandlerSeesEarlierWritesOfItsBatch) {
  std::vector<std::string> seen;
  TestFunction function(kUses, [&](HandlerEvent& event) {
    seen.emplace_back(event.Get(1, "shared").view());
    event.Put(1, std::to_string(event.offset()), "shared");
    return MR_DONE;
  });
  for (int i = 0; i < 3; ++i) Feed("key" + std::to_string(i));
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_THAT(seen, ElementsAre("", "0", "1"));
  EXPECT_EQ(Stored("shared"), "2");
}

TEST_F(RecordPath, TwoTasksOfALaneTakeTurns) {
  bench.settings.batch.max_records = 10;
  std::vector<int32_t> order;
  TestFunction function(kUses, [&](HandlerEvent& event) {
    if (order.empty() || order.back() != event.raw().partition) {
      order.push_back(event.raw().partition);
    }
    return Count(event);
  });
  for (int i = 0; i < 40; ++i) {
    Feed("a");
    world.log.Append({"in", 1}, {.key = "b", .value = "v"});
  }
  Start(&function);
  bench.Assign(1);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_THAT(order, ElementsAre(0, 1, 0, 1, 0, 1, 0, 1));
}

TEST_F(RecordPath, MarkersBehindTheLastRecordMoveApplied) {
  TestFunction function(kUses, Count);
  Feed("a");
  world.log.AddMarkers({"in", 0}, 1);
  Start(&function);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Applied(), 2);
  ASSERT_FALSE(bench.Task().topics.empty());
  EXPECT_EQ(bench.Task().topics[0].lag, 0);
}

TEST_F(RecordPath, AnOffsetThatIsGoneStopsTheTaskAfterWhatCameBefore) {
  TestFunction function(kUses, Count);
  bench.settings.batch.max_records = 2;
  for (int i = 0; i < 4; ++i) Feed("a");
  Start(&function);
  while (function.calls() == 0) bench.Step();
  world.log.AddMarkers({"in", 0}, 6);
  world.log.Truncate({"in", 0}, 8);
  ASSERT_TRUE(bench.RunFor(Millis(1000)));
  ASSERT_TRUE(bench.lane->stop_reason());
  EXPECT_THAT(bench.lane->stop_reason()->text, HasSubstr("no longer retained"));
  EXPECT_EQ(std::to_string(Applied()), Stored("a"));
}

TEST_F(RecordPath, HandlersLogWithTheirCoordinates) {
  TestFunction function(kUses, [](HandlerEvent& event) {
    event.Log(1, "hello");
    return MR_DONE;
  });
  Feed("a");
  Start(&function);
  ASSERT_TRUE(bench.Run());
  EXPECT_THAT(bench.observer.logged, ElementsAre("in/0@0: hello"));
}

}  // namespace
}  // namespace millrace::lane
