// SPDX-License-Identifier: Apache-2.0
#include "invoke/invoker.h"

#include <gmock/gmock.h>

#include <set>
#include <stdexcept>

#include "unit/fakes/test_function.h"

namespace millrace::invoke {
namespace {

using fakes::HandlerEvent;
using fakes::TestFunction;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<Use> kUses = {
    {7, UseKind::kOutput, "out"}, {1, UseKind::kValue, "value"}, {2, UseKind::kMap, "map"}};

// Answers every call with `status` and remembers what was asked.
class FakeCalls final : public HandlerCalls {
 public:
  int32_t status = MR_OK;
  std::vector<std::string> asked;

  int32_t Get(uint32_t event, uint32_t state, Slice, Slice, Slice* value) override {
    *value = "stored";
    return Ask("get", event, state);
  }
  int32_t Put(uint32_t event, uint32_t state, Slice, Slice, Slice) override {
    return Ask("put", event, state);
  }
  int32_t Scan(uint32_t event, const ScanCall& call, uint64_t*) override {
    return Ask("scan", event, call.state);
  }
  int32_t Emit(uint32_t event, const EmitCall& call) override {
    return Ask("emit", event, call.output);
  }
  void Log(uint32_t event, uint32_t level, Slice) override { Ask("log", event, level); }

 private:
  int32_t Ask(const std::string& what, uint32_t event, uint32_t index) {
    asked.push_back(what + " " + std::to_string(event) + " " + std::to_string(index));
    return status;
  }
};

class InvokerTest : public testing::Test {
 protected:
  // Calls the function for `count` events and gives "outcome: reason" of each.
  std::vector<std::string> Call(TestFunction* function, size_t count = 1) {
    auto invoker = Invoker::Start(function->generation(), &clock);
    EXPECT_TRUE(invoker);
    std::vector<RecordView> records(count);
    std::vector<EventInput> inputs;
    for (size_t i = 0; i < count; ++i) {
      records[i].offset = static_cast<int64_t>(i);
      inputs.push_back({.topic = "in", .partition = 0, .record = &records[i], .headers = {}});
    }
    std::vector<Verdict> verdicts(count);
    const size_t settled = (*invoker)->Call(inputs, &calls, verdicts);
    std::vector<std::string> all;
    for (size_t i = 0; i < settled; ++i) {
      all.push_back(std::string(OutcomeName(verdicts[i].outcome)) + ": " + verdicts[i].reason);
    }
    return all;
  }
  std::string CallOnce(TestFunction::Handler handler) {
    TestFunction function(kUses, std::move(handler));
    return Call(&function).at(0);
  }

  ManualClock clock;
  FakeCalls calls;
};

TEST_F(InvokerTest, EachOutcomeHasItsReason) {
  EXPECT_EQ(CallOnce([](HandlerEvent&) { return MR_DONE; }), "done: ");
  EXPECT_EQ(CallOnce([](HandlerEvent& event) {
              event.Because("first");
              event.Because("last");
              return MR_RETRY;
            }),
            "retry: last");
  EXPECT_EQ(CallOnce([](HandlerEvent&) { return MR_DROP; }), "drop: the handler gave no reason");
  EXPECT_THAT(CallOnce([](HandlerEvent&) { return MR_DEAD_LETTER; }), HasSubstr("dead-letter"));
  EXPECT_THAT(CallOnce([](HandlerEvent&) { return MR_FATAL; }), HasSubstr("fatal"));
}

TEST_F(InvokerTest, RandomNumbersAreDecidedByTheEvent) {
  std::vector<uint64_t> given;
  TestFunction function(kUses, [&](HandlerEvent& event) {
    given.push_back(event.Random());
    given.push_back(event.Random());
    return MR_DONE;
  });
  Call(&function, 2);
  Call(&function, 2);
  millrace::detail::EventRandom first("test", "in", 0, 0);
  millrace::detail::EventRandom second("test", "in", 0, 1);
  const uint64_t a = first.Next(), b = first.Next(), c = second.Next(), d = second.Next();
  EXPECT_THAT(given, ElementsAre(a, b, c, d, a, b, c, d));
  EXPECT_EQ(std::set<uint64_t>({a, b, c, d}).size(), 4u);
}

TEST_F(InvokerTest, AnUnknownOutcomeIsFatal) {
  EXPECT_EQ(CallOnce([](HandlerEvent&) { return 99; }), "fatal: unknown outcome 99");
  EXPECT_EQ(CallOnce([](HandlerEvent&) { return -1; }), "fatal: unknown outcome -1");
}

TEST_F(InvokerTest, AFailedHostCallOverridesTheOutcomeEvenIfIgnored) {
  const std::vector<std::pair<int32_t, std::string>> expected = {
      {MR_NO_KEY, "dead-letter"}, {MR_TOO_LARGE, "dead-letter"}, {MR_BAD_ARGUMENT, "dead-letter"},
      {MR_UNAVAILABLE, "retry"},  {MR_UNSUPPORTED, "fatal"},     {MR_BAD_ID, "fatal"}};
  for (const auto& [status, outcome] : expected) {
    calls.status = status;
    EXPECT_THAT(CallOnce([](HandlerEvent& event) {
                  event.Put(1, "x");
                  return MR_DONE;
                }),
                HasSubstr(outcome + ": "))
        << status;
  }
}

TEST_F(InvokerTest, TheFirstFailedHostCallCounts) {
  EXPECT_THAT(CallOnce([this](HandlerEvent& event) {
                calls.status = MR_UNAVAILABLE;
                event.Put(1, "x");
                calls.status = MR_NO_KEY;
                event.Put(1, "x");
                calls.status = MR_OK;
                event.Put(1, "x");
                return MR_FATAL;
              }),
              HasSubstr("retry: "));
}

TEST_F(InvokerTest, AbsentIsNoFailure) {
  calls.status = MR_ABSENT;
  EXPECT_EQ(CallOnce([](HandlerEvent& event) {
              event.Get(1);
              return MR_DONE;
            }),
            "done: ");
}

TEST_F(InvokerTest, UsesAreNamedByTheirPlaceAmongTheirClass) {
  CallOnce([](HandlerEvent& event) {
    event.Get(1);
    event.Get(2, {}, "field");
    event.Scan(2);
    event.Emit(7, "k", "v");
    return MR_DONE;
  });
  EXPECT_THAT(calls.asked, ElementsAre("get 0 0", "get 0 1", "scan 0 1", "emit 0 0"));
}

TEST_F(InvokerTest, WrongIdsAndArgumentsDoNotReachTheHost) {
  std::vector<int32_t> statuses;
  CallOnce([&](HandlerEvent& event) {
    event.Get(3);  // not declared
    statuses.push_back(event.status);
    event.Get(7);  // an output
    statuses.push_back(event.status);
    event.Get(1, {}, "field");  // a field for a value
    statuses.push_back(event.status);
    event.Get(2);  // none for a map
    statuses.push_back(event.status);
    statuses.push_back(event.Put(2, "x"));  // a map as a whole cannot be put
    statuses.push_back(event.Emit(1, "k", "v"));
    event.Scan(1);  // a value is no map
    statuses.push_back(event.status);
    statuses.push_back(event.Put(2, {}));  // erases the map
    return MR_DONE;
  });
  EXPECT_THAT(statuses, ElementsAre(MR_BAD_ID, MR_BAD_ID, MR_BAD_ARGUMENT, MR_BAD_ARGUMENT,
                                    MR_BAD_ARGUMENT, MR_BAD_ID, MR_BAD_ID, MR_OK));
  EXPECT_THAT(calls.asked, ElementsAre("put 0 1"));
}

TEST_F(InvokerTest, EventsAreCalledUntilTheFirstThatIsNotDone) {
  TestFunction function(kUses, [](HandlerEvent& event) -> int32_t {
    return event.offset() == 1 ? MR_DROP : MR_DONE;
  });
  EXPECT_THAT(Call(&function, 4), ElementsAre("done: ", HasSubstr("drop")));
  EXPECT_EQ(function.calls(), 2);
}

TEST_F(InvokerTest, ABatchHandlerGivesAnOutcomePerEventInAnyOrder) {
  TestFunction function(kUses, [](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    outcomes[2] = MR_DONE;
    events[1].Because("second");
    outcomes[1] = MR_RETRY;
    outcomes[0] = MR_DONE;
    events[0].Put(1, "x");
  });
  EXPECT_THAT(Call(&function, 3), ElementsAre("done: ", "retry: second", "done: "));
  EXPECT_EQ(function.calls(), 1);
  EXPECT_THAT(calls.asked, ElementsAre("put 0 0"));
}

TEST_F(InvokerTest, AnOutcomeThatABatchHandlerDoesNotSetIsFatal) {
  TestFunction function(
      kUses, [](std::span<HandlerEvent>, std::span<int32_t> outcomes) { outcomes[0] = MR_DONE; });
  EXPECT_THAT(Call(&function, 2), ElementsAre("done: ", HasSubstr("fatal: unknown outcome")));
}

TEST_F(InvokerTest, AFailedHostCallFailsOnlyItsEventOfABatch) {
  TestFunction function(kUses, [](std::span<HandlerEvent> events, std::span<int32_t> outcomes) {
    for (int32_t& outcome : outcomes) outcome = MR_DONE;
    events[1].Get(99);
  });
  EXPECT_THAT(Call(&function, 3), ElementsAre("done: ", HasSubstr("fatal: "), "done: "));
}

TEST_F(InvokerTest, WhatIsThrownOverTheLineFailsItsEventAndNotTheHost) {
  TestFunction one(kUses, [](HandlerEvent& event) -> int32_t {
    if (event.offset() == 1) throw 123;
    return MR_DONE;
  });
  EXPECT_THAT(Call(&one, 3),
              ElementsAre("done: ", "retry: threw something that is not a std::exception"));
  TestFunction batch(kUses, [](std::span<HandlerEvent>, std::span<int32_t> outcomes) {
    outcomes[0] = MR_DONE;
    throw std::runtime_error("boom");
  });
  EXPECT_THAT(Call(&batch, 2), ElementsAre("retry: threw boom", "retry: threw boom"));
}

TEST_F(InvokerTest, AContextThatIsOverOrNotItsTurnReachesNoEvent) {
  std::vector<HandlerEvent> kept;
  std::vector<int32_t> statuses;
  TestFunction function(kUses, [&](HandlerEvent& event) -> int32_t {
    for (HandlerEvent& other : kept) {
      other.Put(1, "x");
      statuses.push_back(other.status);
      other.Emit(7, "k", "v");
      statuses.push_back(other.status);
      EXPECT_EQ(other.Random(), 0U);
      other.Because("somebody else");
      other.Log(1, "late");
    }
    kept.push_back(event);
    return MR_DONE;
  });
  EXPECT_THAT(Call(&function, 3), ElementsAre("done: ", "done: ", "done: "));
  EXPECT_THAT(statuses, testing::AllOf(testing::SizeIs(6), testing::Each(MR_BAD_ARGUMENT)));
  EXPECT_THAT(calls.asked, ElementsAre("log 0 3")) << "that it was used so, once";
}

TEST_F(InvokerTest, WhatIsInFlightIsShownWhileItsCallLasts) {
  InFlight in_flight;
  std::vector<int64_t> offsets;
  TestFunction function(kUses, [&](HandlerEvent& event) -> int32_t {
    const auto call = in_flight.Read();
    EXPECT_TRUE(call && call->since == clock.Now());
    if (call) offsets.push_back(call->offset);
    clock.Advance(Millis(5));
    return event.offset() == 1 ? MR_DROP : MR_DONE;
  });
  auto invoker = Invoker::Start(function.generation(), &clock, &in_flight);
  ASSERT_TRUE(invoker);
  std::vector<RecordView> records(3);
  std::vector<EventInput> inputs;
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].offset = static_cast<int64_t>(i);
    inputs.push_back({.topic = "in", .partition = 0, .record = &records[i], .headers = {}});
  }
  std::vector<Verdict> verdicts(inputs.size());
  EXPECT_FALSE(in_flight.Read());
  EXPECT_EQ((*invoker)->Call(inputs, &calls, verdicts), 2U);
  EXPECT_THAT(offsets, ElementsAre(0, 1));
  EXPECT_FALSE(in_flight.Read());
}

TEST_F(InvokerTest, AnInstanceIsStoppedOnceAndOnlyIfItStarted) {
  TestFunction function(kUses, [](HandlerEvent&) { return MR_DONE; });
  Call(&function);
  EXPECT_EQ(function.started(), 1);
  EXPECT_EQ(function.stopped(), 1);
  function.RefuseStart("no licence");
  const auto refused = Invoker::Start(function.generation(), &clock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "no licence");
  EXPECT_EQ(function.stopped(), 1);
}

}  // namespace
}  // namespace millrace::invoke
