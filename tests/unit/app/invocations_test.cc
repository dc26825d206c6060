// SPDX-License-Identifier: Apache-2.0
#include "app/invocations.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <set>

namespace millrace::app {
namespace {

using http::InvokeErrorKind;
using http::InvokeResult;

constexpr std::chrono::seconds kPatience{30};  // for what comes at once on an idle machine

// Functions whose handlers answer with their function's name; the ones named in `held` wait for
// Release first.
class FakeFunctions final : public InvokableFunctions {
 public:
  explicit FakeFunctions(std::set<std::string> held) : held_(std::move(held)) {}

  bool Has(const std::string& function) override { return function != "nobody" && !gone_; }
  std::unique_ptr<FunctionInvoker> Make(const std::string& function) override {
    ++made_;
    return std::make_unique<Invoker>(this, function);
  }

  void AwaitHeld() { held_handler_runs_.get_future().wait_for(kPatience); }
  void Release() { released_.set_value(); }
  void RemoveAll() { gone_ = true; }
  int made() const { return made_; }
  // Whether the one invoker that there was ended after RemoveAll.
  bool AwaitEnd() {
    return invoker_ended_.get_future().wait_for(kPatience) == std::future_status::ready;
  }

 private:
  struct Invoker final : FunctionInvoker {
    Invoker(FakeFunctions* functions, std::string name)
        : of(functions), function(std::move(name)) {}
    ~Invoker() override {
      if (of->gone_) of->invoker_ended_.set_value();
    }
    InvokeResult Invoke(const http::InvokeEvent&) override {
      if (of->held_.contains(function)) {
        if (!of->held_once_.exchange(true)) of->held_handler_runs_.set_value();
        of->release_.wait();
      }
      http::InvokeResponse response;
      response.reason = function;
      return response;
    }
    void ForgetGone() override {}

    FakeFunctions* of;
    std::string function;
  };

  std::set<std::string> held_;
  std::atomic<bool> gone_{false}, held_once_{false};
  std::atomic<int> made_{0};
  std::promise<void> held_handler_runs_, released_, invoker_ended_;
  std::shared_future<void> release_ = released_.get_future().share();
};

std::future<InvokeResult> Ask(Invocations* invocations, const std::string& function) {
  auto answer = std::make_shared<std::promise<InvokeResult>>();
  std::future<InvokeResult> result = answer->get_future();
  invocations->Add({.function = function, .event = {}},
                   [answer](InvokeResult given) { answer->set_value(std::move(given)); });
  return result;
}

// What the answer is: the handler's text, or the kind of the error; "nothing" if none came.
std::string Told(std::future<InvokeResult>* answer) {
  if (answer->wait_for(kPatience) != std::future_status::ready) return "nothing";
  const InvokeResult result = answer->get();
  if (const auto* response = std::get_if<http::InvokeResponse>(&result)) return response->reason;
  switch (std::get<http::InvokeError>(result).kind) {
    case InvokeErrorKind::kUnknownFunction:
      return "unknown function";
    case InvokeErrorKind::kNotRunning:
      return "not running";
    case InvokeErrorKind::kBusy:
      return "busy";
    default:
      return "another error";
  }
}

TEST(Invocations, HandlerThatHangsHoldsUpItsOwnFunctionAlone) {
  FakeFunctions functions({"slow"});
  Invocations invocations(&functions);
  auto slow = Ask(&invocations, "slow");
  functions.AwaitHeld();
  auto behind = Ask(&invocations, "slow");
  auto other = Ask(&invocations, "quick");
  EXPECT_EQ(Told(&other), "quick");
  EXPECT_EQ(behind.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  functions.Release();
  EXPECT_EQ(Told(&slow), "slow");
  EXPECT_EQ(Told(&behind), "slow");
  EXPECT_EQ(functions.made(), 2);
}

TEST(Invocations, QueueOfOneFunctionIsFullWhileAnotherIsServed) {
  FakeFunctions functions({"slow"});
  Invocations invocations(&functions);
  std::vector<std::future<InvokeResult>> taken;
  taken.push_back(Ask(&invocations, "slow"));
  functions.AwaitHeld();
  for (size_t i = 0; i < Invocations::kWaitingMax; ++i) taken.push_back(Ask(&invocations, "slow"));
  auto refused = Ask(&invocations, "slow");
  EXPECT_EQ(Told(&refused), "busy");
  auto other = Ask(&invocations, "quick");
  EXPECT_EQ(Told(&other), "quick");
  functions.Release();
  for (auto& answer : taken) EXPECT_EQ(Told(&answer), "slow");
}

TEST(Invocations, FunctionThatIsNotThereGetsNoThread) {
  FakeFunctions functions({});
  Invocations invocations(&functions);
  auto nobody = Ask(&invocations, "nobody");
  EXPECT_EQ(Told(&nobody), "unknown function");
  EXPECT_EQ(functions.made(), 0);
}

TEST(Invocations, StopAnswersThoseThatWaitAndTellsOfTheHandlerThatRuns) {
  FakeFunctions functions({"slow"});
  Invocations invocations(&functions);
  auto slow = Ask(&invocations, "slow");
  functions.AwaitHeld();
  auto behind = Ask(&invocations, "slow");
  EXPECT_FALSE(invocations.Stop());
  EXPECT_EQ(Told(&behind), "not running");
  auto late = Ask(&invocations, "quick");
  EXPECT_EQ(Told(&late), "not running");
  functions.Release();
  EXPECT_EQ(Told(&slow), "slow");
}

TEST(Invocations, StopOfIdleOnesIsDone) {
  FakeFunctions functions({});
  Invocations invocations(&functions);
  auto quick = Ask(&invocations, "quick");
  EXPECT_EQ(Told(&quick), "quick");
  EXPECT_TRUE(invocations.Stop());
}

TEST(Invocations, ThreadOfAFunctionThatIsGoneEnds) {
  FakeFunctions functions({});
  Invocations invocations(&functions);
  auto quick = Ask(&invocations, "quick");
  EXPECT_EQ(Told(&quick), "quick");
  functions.RemoveAll();
  EXPECT_TRUE(functions.AwaitEnd());
}

}  // namespace
}  // namespace millrace::app
