// SPDX-License-Identifier: Apache-2.0
// A function without a store keeps its crashes beside the group's offset, and stops at the limit.
#include <gmock/gmock.h>

#include "commit/published_note.h"
#include "unit/fakes/fake_transactions.h"
#include "unit/lane/counting_lanes.h"

namespace millrace::lane {
namespace {

using fakes::HandlerEvent;
using fakes::LaneBench;
using fakes::Stateful;
using fakes::TestFunction;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kHash[] = "0123456789ab";  // of TestFunction

CrashMark MarkOf(int64_t offset, const std::string& id) {
  return {.topic = "in", .offset = offset, .together = 1, .hash12 = kHash, .id = id};
}
CrashCount CountOf(int64_t offset, int count, const std::string& ids) {
  return {.offset = offset, .count = count, .hash12 = kHash, .ids = ids};
}

class CrashWithoutStoreTest : public testing::Test {
 protected:
  void Feed(int count) {
    for (int i = 0; i < count; ++i) world.log.Append(kIn, {.key = "a", .value = "v"});
  }
  void StartWith(LaneBench* on, std::optional<CrashMark> mark) {
    on->crash = std::move(mark);
    ASSERT_TRUE(on->Create(&echo));
    on->Assign();
  }
  std::optional<CrashCount> Noted() {
    const auto note = commit::NoteOf(world.group.metadata[kIn]);
    return note ? note->crash : std::nullopt;
  }
  void Committed(int64_t offset, const CrashCount& crash) {
    world.group.committed[kIn] = offset;
    world.group.metadata[kIn] = commit::TextOf(
        commit::PublishedNote{.seq = 7, .owner = "mr.default.test.other.0", .crash = crash});
  }

  fakes::World world;
  LaneBench bench{&world, Stateful::kNo};
  LaneBench other{&world, Stateful::kNo};
  TestFunction echo{{{2, UseKind::kOutput, "out"}}, [](HandlerEvent& event) {
                      event.Emit(2, event.key(), event.value());
                      return MR_DONE;
                    }};
};

TEST_F(CrashWithoutStoreTest, ACrashIsKeptBesideTheUnchangedOffsetBeforeAnyEventRuns) {
  Feed(6);
  Committed(2, CountOf(4, 1, "a1"));
  bench.group.held = true;
  StartWith(&bench, MarkOf(4, "b2"));
  bench.Step();
  bench.group.Answer();
  bench.Step();
  bench.Step();
  EXPECT_EQ(world.group.committed[kIn], 2);
  EXPECT_EQ(Noted(), CountOf(4, 2, "a1,b2"));
  EXPECT_EQ(commit::NoteOf(world.group.metadata[kIn])->owner, "mr.default.test.other.0");
  EXPECT_EQ(commit::NoteOf(world.group.metadata[kIn])->seq, 7u);
  EXPECT_EQ(echo.calls(), 0) << "nobody has said that the group has it";
  bench.group.held = false;
  bench.group.Answer();
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(echo.calls(), 4);
  EXPECT_EQ(world.group.committed[kIn], 6);
  EXPECT_EQ(Noted(), std::nullopt) << "it is passed";
}

TEST_F(CrashWithoutStoreTest, NoEventRunsWhileTheGroupDoesNotTakeTheCount) {
  Feed(6);
  bench.group.takes_commits = false;
  StartWith(&bench, MarkOf(4, "a1"));
  ASSERT_TRUE(bench.RunFor(Millis(5'000)));
  EXPECT_EQ(echo.calls(), 0);
  EXPECT_THAT(bench.Task().reason, HasSubstr("in/0@4"));
  bench.group.takes_commits = true;
  ASSERT_TRUE(bench.RunFor(Millis(5'000)));
  EXPECT_EQ(echo.calls(), 6);
}

TEST_F(CrashWithoutStoreTest, OneThatIsNoMemberCommitsNothing) {
  Feed(6);
  bench.group.is_member = false;
  StartWith(&bench, MarkOf(4, "a1"));
  ASSERT_TRUE(bench.RunFor(Millis(5'000)));
  EXPECT_EQ(bench.group.commits, 0u);
  EXPECT_EQ(echo.calls(), 0);
}

TEST_F(CrashWithoutStoreTest, TheCountIsKeptWhileItsEventIsNotPassed) {
  Feed(3);
  StartWith(&bench, MarkOf(4, "a1"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(world.group.committed[kIn], 3);
  EXPECT_EQ(Noted(), CountOf(4, 1, "a1"));
  bench.lane.reset();
  StartWith(&other, MarkOf(4, "b2"));
  ASSERT_TRUE(other.RunAndCommit());
  EXPECT_EQ(Noted(), CountOf(4, 2, "a1,b2"));
  other.lane->Revoke(0);
  ASSERT_TRUE(other.Run());
  const auto released = other.lane->TakeReleased();
  ASSERT_THAT(released, SizeIs(1));
  ASSERT_THAT(released[0].final_offsets, SizeIs(1));
  const auto last = commit::NoteOf(released[0].final_offsets[0].metadata);
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->released);
  EXPECT_EQ(last->crash, CountOf(4, 2, "a1,b2")) << "the next owner finds it";
}

TEST_F(CrashWithoutStoreTest, AtTheLimitTheFunctionStopsBeforeTheEvent) {
  Feed(6);
  Committed(2, CountOf(4, 2, "b2"));
  StartWith(&bench, MarkOf(4, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  const auto stop = bench.lane->stop_reason();
  ASSERT_TRUE(stop);
  EXPECT_EQ(stop->kind, StopReason::Kind::kEvent);
  EXPECT_EQ(stop->text,
            "in/0@4 has ended the function's process 3 times; the function has no state to keep it "
            "aside in: mend the handler, or move the group's offset past it");
  EXPECT_EQ(echo.calls(), 2) << "offsets 2 and 3";
  EXPECT_EQ(world.group.committed[kIn], 4) << "what comes before it is done";
  EXPECT_EQ(Noted(), CountOf(4, 3, "b2,c3"));
}

TEST_F(CrashWithoutStoreTest, AMendedLibraryGoesOn) {
  Feed(6);
  Committed(4, CountOf(4, 3, "c3"));
  echo.hash12 = "ffffffffffff";
  StartWith(&bench, std::nullopt);
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_FALSE(bench.lane->stop_reason());
  EXPECT_EQ(world.group.committed[kIn], 6);
}

TEST_F(CrashWithoutStoreTest, ACrashBelowTheOffsetIsNotKept) {
  Feed(6);
  world.group.committed[kIn] = 5;
  StartWith(&bench, MarkOf(4, "a1"));
  ASSERT_TRUE(bench.RunAndCommit());
  EXPECT_EQ(echo.calls(), 1);
  EXPECT_EQ(Noted(), std::nullopt);
}

TEST_F(CrashWithoutStoreTest, ExactlyOnceKeepsTheCountInItsTransactions) {
  Feed(6);
  fakes::FakeTransactions transactions;
  bench.transactions = &transactions;
  bench.settings.delivery = Delivery::kExactlyOnce;
  bench.group.held = true;
  StartWith(&bench, MarkOf(4, "a1"));
  bench.Step();
  bench.group.Answer();
  bench.Step();
  EXPECT_EQ(Noted(), CountOf(4, 1, "a1")) << "by a plain commit";
  EXPECT_EQ(world.group.committed[kIn], 0);
  EXPECT_THAT(transactions.requests, IsEmpty());
  bench.group.Answer();
  ASSERT_TRUE(bench.RunAndCommit());
  ASSERT_THAT(transactions.requests, SizeIs(1));
  ASSERT_THAT(transactions.requests[0].offsets, SizeIs(1));
  EXPECT_EQ(transactions.requests[0].offsets[0].offset, 6);
  EXPECT_EQ(commit::NoteOf(transactions.requests[0].offsets[0].metadata)->crash, std::nullopt)
      << "it is passed";
}

TEST_F(CrashWithoutStoreTest, ExactlyOnceWhatIsBeforeItIsPublishedWithTheCount) {
  Feed(6);
  fakes::FakeTransactions transactions;
  bench.transactions = &transactions;
  bench.settings.delivery = Delivery::kExactlyOnce;
  Committed(2, CountOf(4, 2, "b2"));
  StartWith(&bench, MarkOf(4, "c3"));
  ASSERT_TRUE(bench.RunAndCommit());
  ASSERT_TRUE(bench.lane->stop_reason());
  ASSERT_THAT(transactions.requests, SizeIs(1));
  EXPECT_EQ(transactions.requests[0].offsets[0].offset, 4);
  EXPECT_EQ(commit::NoteOf(transactions.requests[0].offsets[0].metadata)->crash,
            CountOf(4, 3, "b2,c3"));
}

}  // namespace
}  // namespace millrace::lane
