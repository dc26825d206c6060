// SPDX-License-Identifier: Apache-2.0
#include "app/invocations.h"

#include <utility>

namespace millrace::app {

using http::InvokeError;
using http::InvokeErrorKind;

namespace {

constexpr Millis kForgetEvery{1'000};

}  // namespace

Invocations::Invocations(const Host* host, StoreFactory stores, const Clock* clock)
    : host_(host), stores_(std::move(stores)), clock_(clock), thread_([this] { Run(); }) {}

Invocations::~Invocations() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (Waiting& waiting : waiting_) {
    waiting.callback(InvokeError{InvokeErrorKind::kNotRunning, "the host stops"});
  }
}

void Invocations::Add(http::InvokeRequest request, http::InvokeCallback callback) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kWaitingMax) {
      waiting_.push_back({std::move(request), std::move(callback)});
      changed_.notify_all();
      return;
    }
  }
  callback(InvokeError{InvokeErrorKind::kBusy,
                       std::to_string(kWaitingMax) + " invocations are waiting already"});
}

void Invocations::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, kForgetEvery, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) break;
    if (waiting_.empty()) {
      lock.unlock();
      ForgetGone();
      lock.lock();
      continue;
    }
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    running_ = true;
    http::InvokeResult result = Execute(next.request);
    running_ = false;
    next.callback(std::move(result));
    lock.lock();
  }
  runs_.clear();  // instances end on the thread that used them
}

// Ends the instances of functions that are gone: they hold libraries and connections.
void Invocations::ForgetGone() {
  const auto functions = host_->functions();
  std::erase_if(runs_, [&functions](const auto& run) {
    const auto found = functions.find(run.first);
    return found == functions.end() || !run.second ||
           found->second.runner.get() != run.second->runner();
  });
}

http::InvokeResult Invocations::Execute(const http::InvokeRequest& request) {
  const auto functions = host_->functions();
  const auto found = functions.find(request.function);
  if (found == functions.end()) {
    runs_.erase(request.function);
    return InvokeError{InvokeErrorKind::kUnknownFunction,
                       "there is no function '" + request.function + "'"};
  }
  const std::shared_ptr<FunctionRunner>& runner = found->second.runner;
  if (!runner) return InvokeError{InvokeErrorKind::kRefused, found->second.reason};
  const RunReport report = runner->Report();
  if (report.state == RunState::kRefused) {
    return InvokeError{InvokeErrorKind::kRefused, report.reason};
  }
  if (!report.generation) {
    return InvokeError{InvokeErrorKind::kNotRunning, "the function is starting"};
  }
  std::unique_ptr<DryRun>& run = runs_[request.function];
  if (!run || run->generation() != report.generation.get() || run->runner() != runner.get()) {
    run.reset();
    auto made = DryRun::Create(runner, report.generation, stores_, clock_);
    if (!made) return InvokeError{InvokeErrorKind::kRefused, made.error().message};
    run = *std::move(made);
  }
  return run->Run(request.event);
}

}  // namespace millrace::app
