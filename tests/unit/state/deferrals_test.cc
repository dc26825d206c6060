// SPDX-License-Identifier: Apache-2.0
#include "state/deferrals.h"

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "state/task_state.h"

namespace millrace::state {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Cells = std::map<std::string, std::string>;

constexpr WriteLimits kLimits{
    .write_interval = Millis(1'000), .redo_bytes_max = 10'000, .effects_max = 3};

// A store as far as one value state goes, and the owner of the task, unit by unit.
class DeferralsTest : public testing::Test, protected TaskState::UnitSink {
 protected:
  DeferralsTest() { MakeCache(1 << 20); }
  void MakeCache(size_t bytes) {
    task.reset();
    cache = std::make_unique<Cache>(bytes);
    Own();
  }
  // Another owner, who takes over what the store has.
  void Own() {
    task.reset();
    task = std::make_unique<TaskState>(
        cache.get(), std::vector<StateDecl>{{StateKind::kValue, "v"}, {StateKind::kMap, "m"}});
    for (const auto& [at, entry] : redo) {
      for (const auto& [key, value] : entry) {
        task->AddRedoCell(at, clock.Now(),
                          {.state = 0, .key = key, .value = value == "-" ? Slice() : Slice(value)});
      }
      task->AddRedoEntry(at, 10 * entry.size());
    }
  }
  // What a handler would see; reads what is not in the cache.
  std::string Get(const std::string& key) {
    Entry* entry = Read(key);
    Slice value;
    const bool there = task->Get(*entry, 0, {}, &value) == Lookup::kPresent;
    const std::string text = there ? std::string(value.view()) : "-";
    task->Unpin(entry);
    return text;
  }
  void Put(const std::string& key, const std::string& value) {
    Entry* entry = Read(key);
    task->Put(entry, 0, {}, value == "-" ? Slice() : Slice(value));
    task->BeginAccept();
    task->Accept(0);
    task->EndCall();
    task->Unpin(entry);
    state[key] = value;
  }
  // Closes a unit and applies it.
  void Close(const WriteLimits& limits = kLimits, Deferrals::Due due = Deferrals::Due::kNow) {
    written.clear();
    deferred.clear();
    ++seq;
    task->CloseUnit({.seq = seq, .now = clock.Now(), .limits = limits, .due = due}, this);
    task->Acknowledge(seq);
    cache->EvictOverBudget();
    EXPECT_EQ(Overlaid(), state) << "after unit " << seq;
  }
  Cells Overlaid() const {
    Cells all = cells;
    for (const auto& [at, entry] : redo) {
      for (const auto& [key, value] : entry) all[key] = value;
    }
    return all;
  }

  void Write(const TaskState::DirtyCell& cell) override {
    written.push_back(std::string(cell.key.view()));
    cells[written.back()] = cell.value.is_null() ? "-" : std::string(cell.value.view());
  }
  void Defer(const TaskState::DirtyCell& cell) override {
    deferred.push_back(std::string(cell.key.view()));
    redo[seq][deferred.back()] = cell.value.is_null() ? "-" : std::string(cell.value.view());
  }
  void Trim(uint64_t trimmed) override { EXPECT_EQ(redo.erase(trimmed), 1u) << trimmed; }

  ManualClock clock;
  std::unique_ptr<Cache> cache;
  std::unique_ptr<TaskState> task;
  uint64_t seq = 0;
  Cells state;  // as the handlers left it; "-": erased
  // The store.
  Cells cells;
  std::map<uint64_t, Cells> redo;
  // Of the last unit, in order.
  std::vector<std::string> written, deferred;

 private:
  Entry* Read(const std::string& key) {
    ReadPlan plan;
    Entry* entry = task->Pin(0, key, &plan);
    if (plan.items.empty()) return entry;
    ReadReply reply;
    const auto cell = cells.find(key);
    const bool there = cell != cells.end() && cell->second != "-";
    reply.found = {{.what = there ? Found::What::kValue : Found::What::kAbsent,
                    .value = there ? Slice(cell->second) : Slice()}};
    task->Load(plan.entries, reply);
    return entry;
  }
};

TEST_F(DeferralsTest, AValueThatChangesSeldomIsWrittenToItsCell) {
  for (int i = 0; i < 3; ++i) {
    Put("a", std::to_string(i));
    Close();
    EXPECT_THAT(written, ElementsAre("a"));
    EXPECT_THAT(redo, IsEmpty());
    clock.Advance(Millis(1'000));
  }
}

TEST_F(DeferralsTest, AValueThatChangesOftenIsWrittenToItsCellOnceInAnInterval) {
  int writes = 0;
  for (int i = 0; i < 100; ++i) {
    Put("a", std::to_string(i));
    Close();
    writes += static_cast<int>(written.size());
    clock.Advance(Millis(50));
  }
  EXPECT_LE(writes, 6);
  EXPECT_GE(writes, 4);
  EXPECT_LE(redo.size(), 22u);
}

TEST_F(DeferralsTest, WhatWaitsIsWrittenWhenItIsDueAndTheRedoIsEmptyThen) {
  Put("a", "1");
  Close();
  Put("a", "2");
  Close();
  EXPECT_THAT(deferred, ElementsAre("a"));
  EXPECT_EQ(cells["a"], "1");
  EXPECT_EQ(task->deferred_due(Millis(1'000)), clock.Now() + Millis(1'000));
  clock.Advance(Millis(999));
  Close();
  EXPECT_THAT(written, IsEmpty());
  clock.Advance(Millis(1));
  Close();
  EXPECT_THAT(written, ElementsAre("a"));
  EXPECT_THAT(redo, IsEmpty());
  EXPECT_FALSE(task->any_deferred());
  EXPECT_EQ(task->deferred_due(Millis(1'000)), SteadyTime::max());
}

TEST_F(DeferralsTest, AnErasedValueIsDeferredAndWrittenLikeAnother) {
  Put("a", "1");
  Close();
  Put("a", "-");
  Close();
  EXPECT_EQ(cells["a"], "1");
  EXPECT_EQ(Overlaid()["a"], "-");
  Close(kLimits, Deferrals::Due::kAll);
  EXPECT_EQ(cells["a"], "-");
}

TEST_F(DeferralsTest, AUnitWritesNoMoreThanItsLimitOfWhatIsDue) {
  for (const char* key : {"a", "b", "c", "d", "e"}) Put(key, "1");
  Close();
  for (const char* key : {"a", "b", "c", "d", "e"}) Put(key, "2");
  Close();
  clock.Advance(Millis(2'000));
  Close();
  EXPECT_EQ(written.size(), 3u);
  EXPECT_EQ(redo.size(), 1u) << "two of its cells are not written yet";
  Close();
  EXPECT_EQ(written.size(), 2u);
  EXPECT_THAT(redo, IsEmpty());
}

// Its cell has the newest value, but an older entry of the redo has it as well, and would hide what
// is written directly.
TEST_F(DeferralsTest, AWrittenValueStaysInTheRedoUntilItsEntriesAreTrimmed) {
  Put("a", "1");
  Put("b", "1");
  Close();
  Put("a", "2");
  Put("b", "2");
  Close();
  clock.Advance(Millis(1'000));
  WriteLimits one = kLimits;
  one.effects_max = 1;
  Close(one);
  EXPECT_THAT(written, ElementsAre("a"));
  EXPECT_EQ(redo.size(), 1u);
  clock.Advance(Millis(1'000));
  one.effects_max = 0;
  Put("a", "3");
  Close(one);
  EXPECT_THAT(deferred, ElementsAre("a")) << "not directly";
  EXPECT_THAT(written, ElementsAre("b"));
}

TEST_F(DeferralsTest, NothingMoreIsDeferredAboveTheLimitOfTheRedo) {
  WriteLimits limits = kLimits;
  limits.redo_bytes_max = 5;
  for (const char* key : {"a", "b", "c"}) Put(key, "1");
  Close(limits);
  Put("a", "22");
  Put("b", "2");
  Close(limits);
  EXPECT_THAT(written, IsEmpty());
  Put("c", "2");
  Close(limits);
  EXPECT_THAT(written, ElementsAre("c", "a", "b")) << "c at once, the others before they are due";
  EXPECT_THAT(redo, IsEmpty());
  EXPECT_FALSE(task->any_deferred());
}

TEST_F(DeferralsTest, WhatTheRedoHoldsIsNeverEvictedAndTakesHalfOfTheCacheAtMost) {
  MakeCache(10'000);
  WriteLimits limits = kLimits;
  limits.redo_bytes_max = SIZE_MAX;
  limits.effects_max = 1'000;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) Put(std::to_string(i), std::to_string(round));
    Close(limits);
    EXPECT_LE(cache->bytes(), 10'000u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(Get(std::to_string(i)), std::to_string(round));
  }
}

TEST_F(DeferralsTest, ANewOwnerGoesOnFromTheRedo) {
  Put("a", "1");
  Put("b", "1");
  Close();
  Put("a", "2");
  Close();
  Put("b", "-");
  Put("a", "3");
  Close();
  Own();
  EXPECT_EQ(Get("a"), "3");
  EXPECT_EQ(Get("b"), "-");
  Put("a", "4");
  Close();
  EXPECT_THAT(deferred, ElementsAre("a")) << "older entries have it";
  clock.Advance(Millis(1'000));
  Close();
  EXPECT_EQ(cells, (Cells{{"a", "4"}, {"b", "-"}}));
  EXPECT_THAT(redo, IsEmpty());
}

// Whatever happens, the entries over the cells are the state, and an owner sees it; Close compares.
TEST_F(DeferralsTest, RandomUnitsKeepTheInvariantOfTheRedo) {
  std::mt19937_64 random(7);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 300; ++round) {
    MakeCache(below(2) == 0 ? 700 : 1 << 20);
    WriteLimits limits{.write_interval = Millis(below(300)),
                       .redo_bytes_max = below(3) == 0 ? 30u : 1'000'000u,
                       .effects_max = static_cast<size_t>(below(4)),
                       .bytes_max = below(3) == 0 ? 4u : SIZE_MAX};
    for (int unit = 0; unit < 60; ++unit) {
      for (int i = below(4); i > 0; --i) {
        const std::string key(1, static_cast<char>('a' + below(5)));
        const auto known = state.find(key);
        EXPECT_EQ(Get(key), known == state.end() ? "-" : known->second);
        Put(key, below(5) == 0 ? "-" : std::to_string(below(1'000)));
      }
      clock.Advance(Millis(below(80)));
      Close(limits, below(20) == 0 ? Deferrals::Due::kAll : Deferrals::Due::kNow);
      if (below(25) == 0) Own();
      if (HasFailure()) return;
    }
    for (int i = 0; i < 20 && task->any_deferred(); ++i) Close(limits, Deferrals::Due::kAll);
    EXPECT_THAT(redo, IsEmpty());
    EXPECT_EQ(cells, state);
  }
}

}  // namespace
}  // namespace millrace::state
