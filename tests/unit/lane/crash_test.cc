// SPDX-License-Identifier: Apache-2.0
// Events that end the process of their function: what is counted, who is called alone, and what is
// put aside.
#include <gmock/gmock.h>

#include <algorithm>

#include "unit/fakes/fake_transactions.h"
#include "unit/lane/counting_lanes.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::LaneBench;
using fakes::Stateful;
using fakes::TestFunction;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kHash[] = "0123456789ab";  // of TestFunction

CrashMark MarkOf(int64_t offset, const std::string& id, uint32_t together = 1) {
  return {.topic = "in", .offset = offset, .together = together, .hash12 = kHash, .id = id};
}
CrashCount CountOf(int64_t offset, int count, const std::string& ids,
                   const std::string& hash12 = kHash) {
  return {.offset = offset, .count = count, .hash12 = hash12, .ids = ids};
}
const AsideName kAside2{.kind = "crash", .topic = "in", .offset = 2};

class CrashTest : public CountingLanes {
 protected:
  fakes::StoredTask& Task() { return world.database.task(0); }
  CrashCount Kept() { return Task().crashes["in"]; }
  void StartWith(LaneBench* on, const CrashMark& mark) {
    on->crash = mark;
    Start(on);
  }
  // The library has ended the process at offset 2 twice.
  void Twice() { Task().crashes["in"] = CountOf(2, 2, "b2"); }
  // And does so again; the store has not got the unit that puts it aside.
  void RunUntilItIsOnItsWay() {
    bench.store.held = true;
    StartWith(&bench, MarkOf(2, "c3"));
    for (int i = 0; i < 6; ++i) {  // acquire, start, reads
      ASSERT_TRUE(bench.Run());
      if (function.calls() < 2) bench.store.Settle();
    }
  }
};

TEST_F(CrashTest, ACrashIsCountedByTheAcquireBeforeAnyEventRuns) {
  Feed(3);
  bench.store.held = true;
  StartWith(&bench, MarkOf(1, "a1"));
  ASSERT_TRUE(bench.Run());
  bench.store.Settle();
  EXPECT_EQ(Kept(), CountOf(1, 1, "a1"));
  EXPECT_EQ(function.calls(), 0);
  bench.store.held = false;
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "3") << "below the limit it is called again";
}

TEST_F(CrashTest, AnAcquireThatIsRepeatedCountsACrashOnce) {
  Feed(3);
  bench.store.held = true;
  StartWith(&bench, MarkOf(1, "a1"));
  ASSERT_TRUE(bench.Run());
  bench.store.Execute();
  bench.store.Reconnect();  // the reply is lost
  bench.store.held = false;
  bench.Advance(Millis(200));
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(bench.store.acquires, 2u);
  EXPECT_EQ(Kept(), CountOf(1, 1, "a1"));
}

TEST_F(CrashTest, ACrashIsNotCountedByALaterOwnershipOfTheSameAssignment) {
  Feed(3);
  StartWith(&bench, MarkOf(1, "a1"));
  ASSERT_TRUE(bench.Run());
  Task().crashes["in"] = CountOf(2, 1, "c3");  // by another host
  bench.store.Reconnect();
  ASSERT_TRUE(bench.Run());
  EXPECT_EQ(bench.store.acquires, 2u);
  EXPECT_EQ(Kept(), CountOf(2, 1, "c3"));
}

TEST_F(CrashTest, ARecordThatEndsTheProcessTooOftenIsPutAsideWhole) {
  Feed(2);
  world.log.Append(kIn, {.timestamp_ms = 77,
                         .key = {},
                         .value = std::string("\0p", 2),
                         .headers = {{"h", std::string("v")}, {"n", std::nullopt}}});
  Feed(2);
  Twice();
  StartWith(&bench, MarkOf(2, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "4");
  EXPECT_EQ(function.calls(), 4);
  EXPECT_EQ(Applied(), 5);
  ASSERT_THAT(Task().aside, SizeIs(1));
  EXPECT_EQ(Task().aside.begin()->first, kAside2);
  const std::string packed = Task().aside.begin()->second;
  const commit::AsideReader reader{Slice(packed)};
  ASSERT_FALSE(reader.damaged());
  EXPECT_TRUE(reader.record().key.is_null());
  EXPECT_EQ(reader.record().value, Slice("\0p", 2));
  EXPECT_EQ(reader.record().timestamp_ms, 77);
  EXPECT_EQ(reader.record().count, 3u);
  EXPECT_EQ(reader.record().hash12, kHash);
  ASSERT_THAT(reader.record().headers, SizeIs(2));
  EXPECT_EQ(reader.record().headers[0].name, Slice("h"));
  EXPECT_TRUE(reader.record().headers[1].value.is_null());
}

TEST_F(CrashTest, WhatWasPutAsideIsToldCountedAndListed) {
  Feed(4);
  Task().aside[{.kind = "crash", .topic = "in", .offset = 9}] = "of before";
  Twice();
  StartWith(&bench, MarkOf(2, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_THAT(bench.observer.changes, Contains(AllOf(HasSubstr("in/0@2"), HasSubstr("3 times"),
                                                     HasSubstr("\"crash in 2\" in the key :d"))));
  EXPECT_EQ(bench.counters.records_put_aside.value(), 1u);
  EXPECT_THAT(bench.Task().aside,
              ElementsAre(kAside2, AsideName{.kind = "crash", .topic = "in", .offset = 9}));
  EXPECT_EQ(bench.Task().aside_count, 2u);
}

TEST_F(CrashTest, MoreThanCanBeListedIsCounted) {
  Feed(4);
  for (int64_t i = 0; i < static_cast<int64_t>(commit::kAsideListedMax); ++i) {
    Task().aside[{.kind = "crash", .topic = "in", .offset = 100 + i}] = "of before";
  }
  Twice();
  StartWith(&bench, MarkOf(2, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(bench.Task().aside_count, commit::kAsideListedMax + 1);
  EXPECT_THAT(bench.Task().aside, IsEmpty());
  Start(&other);
  ASSERT_TRUE(other.Run());
  EXPECT_EQ(other.Task().aside_count, commit::kAsideListedMax + 1);
  EXPECT_THAT(other.Task().aside, IsEmpty());
}

TEST_F(CrashTest, ARecordIsPutAsideInTheUnitThatPassesIt) {
  Feed(4);
  Twice();
  StartWith(&bench, MarkOf(2, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  const auto unit = std::find_if(bench.store.commits.begin(), bench.store.commits.end(),
                                 [](const auto& commit) { return !commit.aside.empty(); });
  ASSERT_NE(unit, bench.store.commits.end());
  EXPECT_EQ(unit->applied, (Offsets{{"in", 3}}));
  ASSERT_THAT(unit->writes, SizeIs(1)) << "with what the events before it wrote";
  EXPECT_EQ(unit->writes[0].value, "2");
}

// The next one may end the process, too, and its count would take the place of the first one's.
TEST_F(CrashTest, NoEventRunsUntilTheRecordLiesAside) {
  Feed(5);
  Twice();
  RunUntilItIsOnItsWay();
  EXPECT_EQ(function.calls(), 2);
  EXPECT_EQ(bench.store.commits_unexecuted(), 1u);
  bench.store.held = false;
  bench.store.Settle();
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(function.calls(), 4);
}

TEST_F(CrashTest, AUnitThatIsFencedPutsNothingAside) {
  Feed(4);
  Twice();
  RunUntilItIsOnItsWay();
  Task().epoch = "another owner";
  bench.store.held = false;
  bench.store.Settle();
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(bench.counters.commits_of(observe::CommitLabel::kFenced).value(), 1u);
  EXPECT_THAT(Task().aside, IsEmpty());
  EXPECT_EQ(bench.counters.records_put_aside.value(), 0u);
  EXPECT_EQ(bench.Task().aside_count, 0u);
}

TEST_F(CrashTest, AnotherLibraryGetsItsChance) {
  Feed(4);
  Task().crashes["in"] = CountOf(2, 3, "c3", "ffffffffffff");
  Start(&bench);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "4");
  EXPECT_THAT(Task().aside, IsEmpty());
}

TEST_F(CrashTest, ALibraryThatComesBeforeTheRecordIsReachedGetsItsChance) {
  Feed(2);
  Task().crashes["in"] = CountOf(2, 3, "c3");
  Start(&bench);
  ASSERT_TRUE(bench.Run());
  function.hash12 = "ffffffffffff";
  ASSERT_TRUE(bench.lane->Swap(function.generation()));
  Feed(2);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "4");
  EXPECT_THAT(Task().aside, IsEmpty());
}

TEST_F(CrashTest, TheLimitIsASetting) {
  Feed(4);
  bench.settings.max_crashes = other.settings.max_crashes = 1;
  StartWith(&bench, MarkOf(2, "a1"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(Stored(), "3");
  EXPECT_THAT(Task().aside, SizeIs(1));
}

TEST_F(CrashTest, WhatIsPutAsideCountsToTheBytesOfAUnit) {
  Feed(2);
  world.log.Append(kIn, {.key = "p", .value = std::string(1'000, 'p')});
  Feed(2);
  bench.settings.commit_max_bytes = 1'000;
  Twice();
  StartWith(&bench, MarkOf(2, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  std::vector<int64_t> ends;
  for (const auto& unit : bench.store.commits) ends.push_back(unit.applied.at(0).offset);
  EXPECT_THAT(ends, ElementsAre(0, 2, 3, 5)) << "the start, what is before it, it alone, the rest";
}

TEST_F(CrashTest, ARepeatOfARecordThatLiesAsideIsDropped) {
  bench.deduplicate = true;
  for (const char* id : {"f/t/0/1/0", "f/t/0/2/0", "f/t/0/2/0"}) {
    world.log.Append(kIn, {.key = "a", .value = "v", .headers = {{"millrace-id", id}}});
  }
  Task().crashes["in"] = CountOf(1, 2, "b2");
  StartWith(&bench, MarkOf(1, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_THAT(Task().aside, SizeIs(1));
  EXPECT_EQ(Stored(), "1") << "the repeat would end the process as well";
  EXPECT_EQ(Task().seen.at({"in", "f/t/0"}).offset, 2);
}

TEST_F(CrashTest, OfTwoRecordsOfATaskEachIsPutAside) {
  Feed(6);
  bench.settings.max_crashes = other.settings.max_crashes = 1;
  StartWith(&bench, MarkOf(2, "a1"));
  ASSERT_TRUE(bench.Run());
  bench.lane.reset();  // offset 3 has ended the process before anything more was committed
  StartWith(&other, MarkOf(3, "a2"));
  ASSERT_TRUE(other.RunAndCommit());
  EXPECT_THAT(Task().aside, SizeIs(2));
  EXPECT_EQ(Stored(), "4");
}

TEST_F(CrashTest, AMarkThatMakesNoSenseIsLeftOut) {
  Feed(3);
  CrashMark mark = MarkOf(1, "not hex");
  StartWith(&bench, mark);
  ASSERT_TRUE(bench.RunAndCommit());
  mark = MarkOf(4, "a1");
  mark.topic = "of another task";
  StartWith(&other, mark);
  ASSERT_TRUE(other.RunAndCommit());
  EXPECT_THAT(Task().crashes, IsEmpty());
  EXPECT_EQ(Stored(), "3");
}

class CrashOfABatchTest : public CrashTest {
 protected:
  void StartBatches(const CrashMark& mark) {
    bench.settings.batch = {.max_records = 4, .max_wait = Millis(0)};
    bench.crash = mark;
    ASSERT_TRUE(bench.Create(&batches));
    bench.Assign();
  }

  std::vector<size_t> sizes;
  TestFunction batches{kCountingUses,
                       [this](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
                         sizes.push_back(events.size());
                         for (size_t i = 0; i < events.size(); ++i) {
                           outcomes[i] = CountEvent(events[i]);
                         }
                       }};
};

TEST_F(CrashOfABatchTest, ItsEventsAreCalledAloneAndNothingIsCounted) {
  Feed(12);
  StartBatches(MarkOf(2, "a1", 3));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_THAT(sizes, ElementsAre(2, 1, 1, 1, 3, 4)) << "offsets 2, 3 and 4 alone";
  EXPECT_THAT(Task().crashes, IsEmpty());
  EXPECT_EQ(Stored(), "12");
}

TEST_F(CrashOfABatchTest, AnEventIsCalledAloneUntilItIsThrough) {
  int failures = 2;
  TestFunction fails{kCountingUses, [&](std::span<HandlerEvent> events, std::span<int32_t> out) {
                       sizes.push_back(events.size());
                       std::fill(out.begin(), out.end(), MR_DONE);
                       if (events[0].offset() == 1 && failures-- > 0) out[0] = MR_RETRY;
                     }};
  Feed(6);
  bench.settings.batch = {.max_records = 8, .max_wait = Millis(0)};
  bench.crash = MarkOf(0, "a1", 3);
  ASSERT_TRUE(bench.Create(&fails));
  bench.Assign();
  ASSERT_TRUE(bench.RunFor(Millis(1'000)));
  EXPECT_THAT(sizes, ElementsAre(1, 1, 1, 1, 1, 3));
}

TEST_F(CrashOfABatchTest, WithTheCulpritNamedTheRestIsHandledTogether) {
  Feed(8);
  Twice();
  StartBatches(MarkOf(2, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_THAT(sizes, ElementsAre(2, 1, 4));
  EXPECT_EQ(Stored(), "7");
  EXPECT_THAT(Task().aside, SizeIs(1));
}

TEST_F(CrashOfABatchTest, WithSeveralTopicsEventsAreCalledAloneFromTheStart) {
  LaneBench two(&world, Stateful::kYes, {"in", "more"});
  for (int i = 0; i < 6; ++i) {
    world.log.Append({i % 2 == 0 ? "in" : "more", 0}, {.timestamp_ms = i, .key = "a", .value = ""});
  }
  two.settings.batch = {.max_records = 6, .max_wait = Millis(0)};
  two.crash = MarkOf(1, "a1", 2);
  ASSERT_TRUE(two.Create(&batches));
  two.Assign();
  ASSERT_TRUE(two.RunAndCommit());
  EXPECT_THAT(sizes, ElementsAre(1, 1, 1, 1, 2)) << "in 0, more 0, then the two, then together";
}

TEST_F(CrashTest, ExactlyOnceNothingIsPublishedOfARecordThatLiesAside) {
  TestFunction echo{kCountingUses, [](HandlerEvent& event) {
                      event.Emit(2, event.key(), event.value());
                      return CountEvent(event);
                    }};
  Feed(5);
  fakes::FakeTransactions transactions;
  bench.transactions = &transactions;
  bench.settings.delivery = Delivery::kExactlyOnce;
  Twice();
  bench.crash = MarkOf(2, "c3");
  ASSERT_TRUE(bench.Create(&echo));
  bench.Assign();
  ASSERT_TRUE(bench.RunAndCommit());
  transactions.Commit();  // of where the task begins
  ASSERT_TRUE(bench.RunAndCommit());
  ASSERT_THAT(transactions.requests, SizeIs(2));
  std::vector<std::string> ids;
  for (const auto& publication : transactions.requests[1].publications) {
    commit::OutboxReader reader{Slice(publication->packed)};
    while (reader.Next()) ids.emplace_back(reader.Id().view());
  }
  EXPECT_THAT(ids, ElementsAre("test/in/0/0/0", "test/in/0/1/0", "test/in/0/3/0", "test/in/0/4/0"));
  EXPECT_EQ(transactions.requests[1].offsets[0].offset, 5);
  EXPECT_THAT(Task().aside, SizeIs(1));
}

}  // namespace
}  // namespace millrace::lane
