// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <millrace/testing.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace millrace {
namespace {

using testing::Declare;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::Record;
using testing::TableOf;

constexpr Value<int64_t> total{"total"};
constexpr Value<std::string_view> text{"text"};
constexpr Map<std::string, int64_t> pages{"pages"};
constexpr Output out{"out"};

// The value is a command on the map of the key.
struct MapCommands {
  void Handle(const Event& event, Context& context) {
    auto map = context[pages];
    const std::string_view value = event.value();
    if (value.starts_with("+")) map.Put(std::string(value.substr(1)), map.Or("x", 1));
    if (value.starts_with("-")) map.Erase(std::string(value.substr(1)));
    if (value == "clear") map.EraseAll();
    for (const auto& [field, count] : map.Entries()) {
      context.Emit(out, event.key(), field + "=" + std::to_string(count));
    }
  }
};
const mr_function* const kMapCommands = TableOf<MapCommands, [] { return Declare(pages, out); }>();

std::vector<std::string> Values(const testing::Result& result) {
  std::vector<std::string> values;
  for (const auto& emitted : result.emitted) values.push_back(*emitted.value);
  return values;
}

TEST(MapState, EntriesComeInByteOrderWithTheEventsOwnWrites) {
  Harness function(kMapCommands);
  function.Send("k", "+b");
  EXPECT_THAT(Values(function.Send("k", "+a")), ElementsAre("a=1", "b=1"));
  EXPECT_THAT(Values(function.Send("k", "-b")), ElementsAre("a=1"));
  EXPECT_EQ(function.Stored("pages", "k", "a"), Codec<int64_t>::Encode(1));
}

TEST(MapState, EraseAllLeavesNothingBehind) {
  Harness function(kMapCommands);
  function.SendBatch({{"k", "+a"}, {"k", "+b"}, {"other", "+c"}});
  EXPECT_TRUE(function.Send("k", "clear").emitted.empty());
  EXPECT_EQ(function.stored_count(), 1u);
}

TEST(MapState, EntriesSpanPages) {
  Harness function(kMapCommands);
  std::vector<Record> records;
  for (int i = 0; i < 130; ++i) records.push_back({"k", "+" + std::to_string(1000 + i)});
  const auto results = function.SendBatch(records);
  EXPECT_EQ(results[63].emitted.size(), 64u);
  EXPECT_EQ(results[127].emitted.size(), 128u);
  EXPECT_EQ(results[129].emitted.size(), 130u);
}

// Reads a view, overwrites what it shows, and emits the view: it is valid until the handler
// returns.
void KeepView(const Event& event, Context& context) {
  const std::string_view before = context[text].Or("nothing");
  context[text] = std::string_view(event.value());
  context[text] = "something else";
  context[text].Erase();
  context[text] = std::string_view(event.value());
  context.Emit(out, event.key(), before);
}

TEST(ValueState, AViewOutlivesWhatIsWrittenOverIt) {
  Harness function(TableOf<&KeepView, [] { return Declare(text, out); }>());
  EXPECT_EQ(function.Send("k", "first").emitted.at(0).value, "nothing");
  EXPECT_EQ(function.Send("k", "second").emitted.at(0).value, "first");
}

// Counts under another key than the event's.
void CountAll(const Event&, Context& context) {
  auto all = context.At(total, "all");
  all = all.Or(0) + 1;
}

TEST(ValueState, AnotherKeyNeedsNoKeyOfTheEvent) {
  Harness function(TableOf<&CountAll, [] { return Declare(total); }>());
  function.Send(std::nullopt, "v");
  EXPECT_EQ(function.Send("k", "v").outcome, MR_DONE);
  EXPECT_EQ(function.Stored(total, "all"), 2);
}

void CountOwn(const Event& event, Context& context) {
  if (event.is_tombstone()) return context[total].Erase();
  context[total] = context[total].Or(0) + 1;
}

TEST(ValueState, EraseRemovesTheKey) {
  Harness function(TableOf<&CountOwn, [] { return Declare(total); }>());
  function.Send("k", "v");
  EXPECT_EQ(function.stored_count(), 1u);
  function.Send("k", std::nullopt);
  EXPECT_EQ(function.stored_count(), 0u);
}

TEST(ValueState, AnEventWithoutKeyHasNone) {
  Harness function(TableOf<&CountOwn, [] { return Declare(total); }>());
  const auto result = function.Send(std::nullopt, "v");
  EXPECT_EQ(result.outcome, MR_DEAD_LETTER);
  EXPECT_THAT(result.reason, HasSubstr("the event has no key"));
  EXPECT_EQ(function.Send("", "v").outcome, MR_DONE) << "an empty key is a key";
}

TEST(ValueState, AStoreThatIsAwayRetriesTheEvent) {
  Harness function(TableOf<&CountOwn, [] { return Declare(total); }>());
  function.LoseStore();
  EXPECT_EQ(function.Send("k", "v").outcome, MR_RETRY);
  function.RestoreStore();
  EXPECT_EQ(function.Send("k", "v").outcome, MR_DONE);
  EXPECT_EQ(function.Stored(total, "k"), 1);
}

void EmitRandom(const Event& event, Context& context) {
  const std::string number = std::to_string(context.Random());
  context.Emit(out, event.key(), number + " " + context.Uuid());
}
constexpr auto kRandomItems = [] { return Declare(out); };

TEST(Random, AnEventHasTheSameNumbersOnEveryRun) {
  Harness first(TableOf<&EmitRandom, kRandomItems>());
  Harness second(TableOf<&EmitRandom, kRandomItems>());
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto emitted = first.Send("k", "v").emitted.at(0);
    EXPECT_EQ(emitted.value, second.Send("another key", "value").emitted.at(0).value);
    seen.insert(*emitted.value);
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(Random, NumbersAreThoseOfTheirDefinition) {
  Harness function(TableOf<&EmitRandom, kRandomItems>());
  // Computed apart from this code.
  EXPECT_EQ(function.Send("k", "v").emitted.at(0).value,
            "13457291677596071943 60599312-9f00-81d8-823d-0c6114a91b3e");
}

TEST(Random, AHostOfAnEarlierMinorVersionIsToldApart) {
  mr_host old = *millrace::testing::FakeHost::table();
  old.size = offsetof(mr_host, random);
  EXPECT_THROW(Context(&old, nullptr).Random(), HostError);
}

void EmitWithOptions(const Event& event, Context& context) {
  const Bytes kind = event.header("kind").value_or("none");
  context.Log(Level::kWarning, "seen");
  context.Emit(out, kNull, kNull,
               {.partition = static_cast<int32_t>(event.value().view().size()),
                .time = context.Now() + Millis(5),
                .headers = {{"kind", kind}, {"null", kNull}}});
}

TEST(Emit, CarriesPartitionTimeAndHeaders) {
  Harness function(TableOf<&EmitWithOptions, [] { return Declare(out); }>());
  Record record{"k", "123", 1000};
  record.headers = {{"kind", "first"}, {"kind", "edit"}};
  const auto result = function.Send(record);
  const testing::Headers headers{{"kind", "edit"}, {"null", std::nullopt}};
  EXPECT_EQ(result.emitted.at(0),
            (testing::Emitted{"out", std::nullopt, std::nullopt, 3, 1005, headers}));
  EXPECT_EQ(result.logs.at(0).text, "seen");
}

TEST(Emit, APartitionThatIsNotThereFailsTheEvent) {
  Harness function(TableOf<&EmitWithOptions, [] { return Declare(out); }>());
  EXPECT_EQ(function.Send("k", "1234").outcome, MR_DEAD_LETTER);
}

TEST(Emit, MoreThanTheLimitFailsTheEvent) {
  testing::HostOptions options;
  options.effect_bytes_max = 10;
  Harness function(kMapCommands, options);
  EXPECT_EQ(function.Send("k", "+a long name of a field").outcome, MR_DEAD_LETTER);
  EXPECT_EQ(function.stored_count(), 0u);
}

// Neither copyable nor movable; counts its instances.
class Configured {
 public:
  explicit Configured(const Config& config)
      : step_(config.Get<int64_t>("step", 1)), fast_(config.Get("fast", false)) {
    if (config.Get("name", "nobody") == "nemo") throw 5;
    step_ *= config.Get("window.factor", 1.0);
    ++constructed;
  }
  Configured(const Configured&) = delete;
  ~Configured() { --constructed; }
  void Handle(const Event& event, Context& context) {
    context.Emit(out, event.key(), std::to_string(step_) + (fast_ ? " fast" : ""));
  }
  inline static int constructed = 0;

 private:
  int64_t step_;
  bool fast_;
};
const mr_function* const kConfigured = TableOf<Configured, [] { return Declare(out); }>();

testing::HostOptions With(std::map<std::string, std::string> config) {
  return {.config = std::move(config)};
}

TEST(Configuration, ReachesTheConstructorOfEveryInstance) {
  {
    Harness one(kConfigured, With({{"step", "3"}, {"fast", "true"}, {"window.factor", "2.0"}}));
    Harness two(kConfigured);
    EXPECT_EQ(one.Send("k", "v").emitted.at(0).value, "6 fast");
    EXPECT_EQ(two.Send("k", "v").emitted.at(0).value, "1");
    EXPECT_EQ(Configured::constructed, 2);
  }
  EXPECT_EQ(Configured::constructed, 0);
}

TEST(Configuration, WhatCannotBeConvertedRefusesTheFunctionWithItsPath) {
  EXPECT_EQ(Harness(kConfigured, With({{"step", "soon"}})).refused(),
            "config step: not a number: soon");
  EXPECT_EQ(Harness(kConfigured, With({{"step", "99999999999999999999"}})).refused(),
            "config step: out of range: 99999999999999999999");
  EXPECT_EQ(Harness(kConfigured, With({{"fast", "yes"}})).refused(),
            "config fast: not true or false: yes");
}

TEST(Configuration, AnythingThrownRefusesTheFunction) {
  EXPECT_EQ(Harness(kConfigured, With({{"name", "nemo"}})).refused(),
            "threw something that is not a std::exception");
}

}  // namespace
}  // namespace millrace
