// SPDX-License-Identifier: Apache-2.0
#include "state/task_state.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>

namespace millrace::state {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kValues = 0;
constexpr uint32_t kMaps = 1;

Found Value(Slice value) { return {.what = Found::What::kValue, .value = value}; }
Found Absent() { return {}; }

class TaskStateTest : public testing::Test {
 protected:
  TaskStateTest() { Make(1 << 20); }
  void Make(size_t bytes) {
    task.reset();
    cache = std::make_unique<Cache>(bytes);
    task = std::make_unique<TaskState>(
        cache.get(),
        std::vector<StateDecl>{{StateKind::kValue, "values"}, {StateKind::kMap, "maps"}});
  }
  // Pins the key and loads what the store has.
  Entry* Known(uint32_t state, Slice key, const Found& found,
               const std::vector<FoundField>& fields = {}) {
    ReadPlan plan;
    Entry* entry = task->Pin(state, key, &plan);
    if (plan.items.empty()) return entry;
    ReadReply reply;
    reply.found = {found};
    reply.entries = fields;
    task->Load(plan.entries, reply);
    return entry;
  }
  Entry* KnownMap(Slice key, const std::vector<FoundField>& fields) {
    return Known(kMaps, key,
                 {.what = Found::What::kMap,
                  .value = {},
                  .entry_count = static_cast<uint32_t>(fields.size())},
                 fields);
  }
  std::string Get(const Entry* entry, uint32_t event = 0, Slice field = {}) {
    Slice value;
    switch (task->Get(*entry, event, field, &value)) {
      case Lookup::kPresent:
        return std::string(value.view());
      case Lookup::kAbsent:
        return "absent";
      case Lookup::kUnread:
        return "unread";
    }
    return "?";
  }
  std::vector<std::string> Scan(const Entry* entry, uint32_t event = 0, Slice after = {},
                                size_t max = 100) {
    std::vector<FoundField> found;
    if (task->Scan(*entry, event, after, max, &found) == Lookup::kUnread) return {"unread"};
    std::vector<std::string> fields;
    for (const FoundField& field : found) {
      fields.push_back(std::string(field.field.view()) + "=" + std::string(field.value.view()));
    }
    return fields;
  }
  void AcceptAll(uint32_t last_event = 0) {
    task->BeginAccept();
    for (uint32_t event = 0; event <= last_event; ++event) task->Accept(event);
    task->EndCall();
  }
  // What a unit writes to the cells, then "redo" and what it defers, then "trim" and entries.
  std::vector<std::string> Close(uint64_t seq, const WriteLimits& limits = {},
                                 Deferrals::Due due = Deferrals::Due::kNow) {
    Sink sink;
    task->CloseUnit({.seq = seq, .now = clock.Now(), .limits = limits, .due = due}, &sink);
    if (!sink.redo.empty()) sink.cells.push_back("redo");
    sink.cells.insert(sink.cells.end(), sink.redo.begin(), sink.redo.end());
    if (!sink.trimmed.empty()) sink.cells.push_back("trim");
    sink.cells.insert(sink.cells.end(), sink.trimmed.begin(), sink.trimmed.end());
    return sink.cells;
  }
  struct Sink final : TaskState::UnitSink {
    std::vector<std::string> cells, redo, trimmed;
    static std::string Text(const TaskState::DirtyCell& cell) {
      std::string text(cell.key.view());
      if (!cell.field.is_null()) text += "." + std::string(cell.field.view());
      return text + "=" + (cell.value.is_null() ? "null" : std::string(cell.value.view()));
    }
    void Write(const TaskState::DirtyCell& cell) override { cells.push_back(Text(cell)); }
    void Defer(const TaskState::DirtyCell& cell) override { redo.push_back(Text(cell)); }
    void Trim(uint64_t seq) override { trimmed.push_back(std::to_string(seq)); }
  };

  ManualClock clock;
  std::unique_ptr<Cache> cache;
  std::unique_ptr<TaskState> task;
};

TEST_F(TaskStateTest, EachUnknownKeyIsReadOnce) {
  ReadPlan plan;
  task->Pin(kValues, "a", &plan);
  task->Pin(kValues, "a", &plan);
  task->Pin(kMaps, "a", &plan);
  EXPECT_THAT(plan.items, SizeIs(2));
  EXPECT_EQ(cache->counts().hits, 1u);
  EXPECT_EQ(cache->counts().misses, 2u);
}

TEST_F(TaskStateTest, TheCacheIsBoundedInBytesAndDropsWhatIsNotUsed) {
  Make(10'000);
  for (int i = 0; i < 100; ++i) {
    task->Unpin(Known(kValues, "key" + std::to_string(i), Value(std::string(1000, 'x'))));
    task->Unpin(Known(kValues, "key0", Absent()));
    cache->EvictOverBudget();
    EXPECT_LE(cache->bytes(), 10'000u);
  }
  ReadPlan plan;
  task->Unpin(task->Pin(kValues, "key0", &plan));
  task->Unpin(task->Pin(kValues, "key99", &plan));
  EXPECT_THAT(plan.items, IsEmpty());
  task->Pin(kValues, "key1", &plan);
  EXPECT_THAT(plan.items, SizeIs(1));
}

TEST_F(TaskStateTest, TheBytesOfAMapsFieldsCount) {
  Make(50'000);
  const std::string large(20'000, 'x');
  for (int i = 0; i < 10; ++i) {
    task->Unpin(KnownMap("map" + std::to_string(i), {{"field", large}}));
    cache->EvictOverBudget();
    EXPECT_LE(cache->bytes(), 50'000u);
  }
  EXPECT_GE(cache->bytes(), 20'000u);
  EXPECT_EQ(cache->counts().evictions, 8u);
}

TEST_F(TaskStateTest, TheBytesOfAMapFollowItsWrites) {
  Entry* map = KnownMap("m", {});
  const size_t empty = cache->bytes();
  task->Put(map, 0, "f", std::string(5000, 'x'));
  AcceptAll();
  EXPECT_GE(cache->bytes(), empty + 5000);
  task->Put(map, 0, "f", "x");
  AcceptAll();
  EXPECT_LT(cache->bytes(), empty + 5000);
  task->Put(map, 0, {}, {});
  AcceptAll();
  EXPECT_EQ(cache->bytes(), empty);
}

TEST_F(TaskStateTest, PinnedAndDirtyEntriesAreNeverEvicted) {
  Make(1);
  Entry* pinned = Known(kValues, "pinned", Value("p"));
  Entry* dirty = Known(kValues, "dirty", Absent());
  task->Put(dirty, 0, {}, "d");
  AcceptAll();
  task->Unpin(dirty);
  task->Unpin(Known(kValues, "clean", Value("c")));
  cache->EvictOverBudget();
  EXPECT_EQ(cache->counts().evictions, 1u);
  EXPECT_EQ(Get(pinned), "p");
  EXPECT_EQ(Get(dirty), "d");
  Close(1);
  cache->EvictOverBudget();
  EXPECT_EQ(cache->counts().evictions, 1u) << "closed, not acknowledged";
  task->Acknowledge(1);
  cache->EvictOverBudget();
  EXPECT_EQ(cache->counts().evictions, 2u);
}

TEST_F(TaskStateTest, APrefetchReplyNeverReplacesANewerWrite) {
  ReadPlan plan;
  Entry* value = task->Pin(kValues, "a", &plan);
  Entry* map = task->Pin(kMaps, "a", &plan);
  task->Put(value, 0, {}, "new");
  task->Put(map, 0, "f", "new");
  task->Put(map, 0, "gone", {});
  AcceptAll();
  ReadReply reply;
  reply.found = {Value("old"), {.what = Found::What::kMap, .value = {}, .entry_count = 3}};
  reply.entries = {{"f", "old"}, {"gone", "old"}, {"other", "kept"}};
  task->Load(plan.entries, reply);
  EXPECT_EQ(Get(value), "new");
  EXPECT_THAT(Scan(map), ElementsAre("f=new", "other=kept"));
}

TEST_F(TaskStateTest, AnEraseThatWasCommittedBeforeTheReplyStaysErased) {
  ReadPlan plan;
  Entry* map = task->Pin(kMaps, "a", &plan);
  task->Put(map, 0, "gone", {});
  AcceptAll();
  Close(1);
  task->Acknowledge(1);
  ReadReply reply;
  reply.found = {{.what = Found::What::kMap, .value = {}, .entry_count = 1}};
  reply.entries = {{"gone", "old"}};
  task->Load(plan.entries, reply);
  EXPECT_EQ(Get(map, 0, "gone"), "absent");
}

TEST_F(TaskStateTest, MapEraseThenPutWritesTheEraseFirst) {
  Entry* map = KnownMap("m", {{"a", "1"}, {"b", "2"}});
  task->Put(map, 0, "a", "before");
  task->Put(map, 0, {}, {});
  task->Put(map, 0, "c", "3");
  EXPECT_EQ(Get(map, 0, "a"), "absent");
  EXPECT_THAT(Scan(map), ElementsAre("c=3"));
  AcceptAll();
  EXPECT_THAT(Scan(map), ElementsAre("c=3"));
  EXPECT_EQ(task->dirty_count(), 2u);
  EXPECT_THAT(Close(1), ElementsAre("m=null", "m.c=3"));
}

TEST_F(TaskStateTest, OneWritePerCellAndUnit) {
  Entry* map = KnownMap("m", {});
  Entry* value = Known(kValues, "v", Absent());
  for (int i = 0; i < 5; ++i) {
    task->Put(map, 0, "f", std::to_string(i));
    task->Put(value, 0, {}, std::to_string(i));
    AcceptAll();
  }
  EXPECT_EQ(task->dirty_count(), 2u);
  EXPECT_THAT(Close(1), ElementsAre("m.f=4", "v=4"));
  EXPECT_THAT(Close(2), IsEmpty());
}

TEST_F(TaskStateTest, AnErasedValueIsWrittenAsNull) {
  Entry* value = Known(kValues, "v", Value("x"));
  task->Put(value, 0, {}, {});
  EXPECT_EQ(Get(value), "absent");
  AcceptAll();
  EXPECT_EQ(Get(value), "absent");
  EXPECT_THAT(Close(1), ElementsAre("v=null"));
}

TEST_F(TaskStateTest, AnEmptyValueIsNotAbsent) {
  Entry* value = Known(kValues, "v", Absent());
  task->Put(value, 0, {}, "");
  AcceptAll();
  EXPECT_EQ(Get(value), "");
}

TEST_F(TaskStateTest, ALargeMapIsReadByFieldOnDemand) {
  Entry* map = Known(kMaps, "m", {.what = Found::What::kLargeMap, .value = {}});
  EXPECT_EQ(Get(map, 0, "f"), "unread");
  ReadReply reply;
  reply.found = {Value("1")};
  task->LoadField(map, "f", reply);
  EXPECT_EQ(Get(map, 0, "f"), "1");
  reply.found = {Absent()};
  task->LoadField(map, "g", reply);
  EXPECT_EQ(Get(map, 0, "g"), "absent");
  EXPECT_THAT(Scan(map), ElementsAre("unread"));
  task->Put(map, 0, "h", {});
  AcceptAll();
  Close(1);
  EXPECT_EQ(Get(map, 0, "h"), "absent") << "erased here, whatever the store said before";
}

TEST_F(TaskStateTest, ScanMergesPendingWritesInByteOrder) {
  Entry* map = KnownMap("m", {{"b", "1"}, {"d", "2"}, {"\xff", "3"}});
  task->Put(map, 0, "a", "w");
  task->Put(map, 0, "b", {});
  task->Put(map, 1, "c", "later");
  task->Put(map, 0, "d", "w");
  EXPECT_THAT(Scan(map, 0), ElementsAre("a=w", "d=w", "\xff=3"));
  EXPECT_THAT(Scan(map, 1), ElementsAre("a=w", "c=later", "d=w", "\xff=3"));
  EXPECT_THAT(Scan(map, 1, "a", 2), ElementsAre("c=later", "d=w"));
}

TEST_F(TaskStateTest, ThePrefixOfABatchIsKeptAndLaterWritesAreDropped) {
  Entry* value = Known(kValues, "v", Value("0"));
  task->Put(value, 0, {}, "1");
  task->Put(value, 1, {}, "2");
  task->Put(value, 2, {}, "3");
  EXPECT_EQ(Get(value, 1), "2");
  task->BeginAccept();
  task->Accept(0);
  task->EndCall();
  EXPECT_EQ(Get(value), "1");
  EXPECT_THAT(Close(1), ElementsAre("v=1"));
}

TEST_F(TaskStateTest, AnEventSeesItsOwnAndEarlierWritesWhateverTheOrderOfCalls) {
  Entry* value = Known(kValues, "v", Value("0"));
  Entry* map = KnownMap("m", {});
  task->Put(value, 1, {}, "by 1");
  task->Put(value, 0, {}, "by 0");
  task->Put(map, 1, "f", "by 1");
  task->Put(map, 0, "f", "by 0");
  EXPECT_EQ(Get(value, 0), "by 0");
  EXPECT_EQ(Get(value, 1), "by 1");
  EXPECT_THAT(Scan(map, 1), ElementsAre("f=by 1"));
  AcceptAll(1);
  EXPECT_EQ(Get(value), "by 1");
  EXPECT_THAT(Scan(map), ElementsAre("f=by 1"));
}

TEST_F(TaskStateTest, AnEarlierEventsEraseDoesNotHideALaterEventsPut) {
  Entry* map = KnownMap("m", {{"old", "1"}});
  task->Put(map, 1, "f", "by 1");
  task->Put(map, 0, {}, {});
  EXPECT_THAT(Scan(map, 1), ElementsAre("f=by 1"));
  EXPECT_EQ(Get(map, 1, "f"), "by 1");
  EXPECT_EQ(Get(map, 1, "old"), "absent");
  EXPECT_THAT(Scan(map, 0), IsEmpty());
}

TEST_F(TaskStateTest, AReadSliceStaysValidWhileTheHandlerWrites) {
  Entry* value = Known(kValues, "v", Value("first"));
  Slice seen;
  ASSERT_EQ(task->Get(*value, 0, {}, &seen), Lookup::kPresent);
  for (int i = 0; i < 1000; ++i) task->Put(value, 0, {}, std::string(1000, 'x'));
  EXPECT_EQ(seen, Slice("first"));
}

TEST_F(TaskStateTest, ADestroyedTaskGivesItsBytesBack) {
  KnownMap("m", {{"a", "1"}});
  task->Unpin(Known(kValues, "v", Value("x")));
  task.reset();
  EXPECT_EQ(cache->bytes(), 0u);
}

}  // namespace
}  // namespace millrace::state
