// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/logger.h"
#include "http/api.h"

namespace millrace::http {

class NullLogger final : public Logger {
 public:
  using Logger::Log;
  void Log(LogLevel, std::string_view) override {}
};

// A host with one function, "echo". Invocations of it are answered at once with the value as an
// emitted record; those of "slow" wait until the test takes them.
class FakeApi final : public Api {
 public:
  struct Held {
    InvokeRequest request;
    InvokeCallback callback;
  };

  Liveness GetLiveness() override { return {}; }
  Readiness GetReadiness() override {
    const std::lock_guard lock(mutex_);
    return {reasons_};
  }
  std::string RenderMetrics() override { return "# TYPE millrace_ready gauge\nmillrace_ready 1\n"; }
  VersionInfo GetVersion() override { return {"0.1.0", "1.0", {{"librdkafka", "2.0.2"}}}; }
  std::vector<FunctionStatus> ListFunctions() override { return {Echo()}; }
  std::optional<FunctionStatus> GetFunction(std::string_view name) override {
    if (name == "throws") throw std::runtime_error("no memory");
    return name == "echo" ? std::optional(Echo()) : std::nullopt;
  }

  // "echo" runs generation 2 and has a former one; another function has none.
  RollbackResult RollBack(const RollbackRequest& request) override {
    if (request.function == "starting") {
      return RollbackError{RollbackErrorKind::kNotRunning, "the function is stopping"};
    }
    if (request.function != "echo") return RollbackError{RollbackErrorKind::kUnknownFunction, ""};
    if (request.to.value_or(1) != 1) {
      return RollbackError{RollbackErrorKind::kNoGeneration, "no such generation"};
    }
    return RollbackResponse{.from = 2, .to = {1, "ba9876543210"}};
  }

  void Invoke(InvokeRequest request, InvokeCallback callback) override {
    if (request.function == "slow") return Hold({std::move(request), std::move(callback)});
    if (request.function == "refused") {
      return callback(InvokeError{InvokeErrorKind::kRefused, "echo.so: ABI 2, this host has 1"});
    }
    if (request.function == "starting") {
      return callback(InvokeError{InvokeErrorKind::kNotRunning, "the function is starting"});
    }
    if (request.function != "echo")
      return callback(InvokeError{InvokeErrorKind::kUnknownFunction, ""});
    {
      const std::lock_guard lock(mutex_);
      last_event_ = request.event;
    }
    callback(Answer(request.event));
  }

  static InvokeResponse Answer(const InvokeEvent& event) {
    InvokeResponse response{.outcome = "done",
                            .reason = {},
                            .duration_us = 12,
                            .partition = 1,
                            .emitted = {},
                            .state = {},
                            .logs = {}};
    response.emitted.push_back({.output = "echo",
                                .topic = "out",
                                .partition = 1,
                                .key = event.key,
                                .value = event.value,
                                .headers = event.headers,
                                .timestamp_ms = 7});
    return response;
  }

  static FunctionStatus Echo() {
    FunctionStatus echo;
    echo.name = "echo";
    echo.state = FunctionState::kRunning;
    echo.library = "echo.so";
    echo.generation = GenerationStatus{2, "0123456789ab"};
    echo.generations = {{std::nullopt, "", "refused", "cut short", 5},
                        {2, "0123456789ab", "running", "", 9}};
    echo.group = "millrace.default.echo";
    echo.topics = {"in"};
    echo.lanes = 1;
    echo.tasks = {
        {.partition = 1,
         .lane = 0,
         .state = TaskState::kRetrying,
         .reason = "retry",
         .topics = {{"in", 41, 3}, {"in2", std::nullopt, std::nullopt}},
         .epoch = "ab",
         .recovery = RecoveryStatus{.text = "3 behind", .events_rerun = 3, .outputs_suppressed = 2},
         .aside = {{"crash", "in", 7}},
         .aside_count = 1}};
    echo.retries = {{.topic = "in",
                     .partition = 1,
                     .offset = 41,
                     .attempts = 4,
                     .next_try_in_ms = 800,
                     .reason = "no luck"}};
    return echo;
  }

  void SetReasons(std::vector<std::string> reasons) {
    const std::lock_guard lock(mutex_);
    reasons_ = std::move(reasons);
  }

  InvokeEvent last_event() {
    const std::lock_guard lock(mutex_);
    return last_event_;
  }

  // Waits for an invocation of "slow".
  Held TakeHeld() {
    std::unique_lock lock(mutex_);
    held_came_.wait(lock, [&] { return !held_.empty(); });
    Held held = std::move(held_.front());
    held_.pop_front();
    return held;
  }

 private:
  void Hold(Held held) {
    const std::lock_guard lock(mutex_);
    held_.push_back(std::move(held));
    held_came_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable held_came_;
  std::vector<std::string> reasons_;
  InvokeEvent last_event_;
  std::deque<Held> held_;
};

}  // namespace millrace::http
