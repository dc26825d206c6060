// SPDX-License-Identifier: Apache-2.0
#include "app/invocations.h"

#include <utility>
#include <vector>

#include "base/clock.h"

namespace millrace::app {

using http::InvokeError;
using http::InvokeErrorKind;

namespace {

constexpr Millis kForgetEvery{1'000};

InvokeError HostStops() { return {InvokeErrorKind::kNotRunning, "the host stops"}; }

}  // namespace

Invocations::~Invocations() {
  Stop();
  // No worker is added or removed any more, and one that ends takes the mutex.
  for (const auto& [function, worker] : workers_) worker->thread.join();
}

void Invocations::Add(http::InvokeRequest request, http::InvokeCallback callback) {
  if (!functions_->Has(request.function)) {
    return callback(InvokeError{InvokeErrorKind::kUnknownFunction,
                                "there is no function '" + request.function + "'"});
  }
  Waiting waiting{.event = std::move(request.event), .callback = std::move(callback)};
  if (auto refused = Enqueue(request.function, &waiting)) waiting.callback(*std::move(refused));
}

std::optional<InvokeError> Invocations::Enqueue(const std::string& function, Waiting* waiting) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return HostStops();
  std::erase_if(workers_, [](const auto& entry) {
    if (!entry.second->ended) return false;
    entry.second->thread.join();
    return true;
  });
  std::unique_ptr<Worker>& worker = workers_[function];
  if (!worker) {
    worker = std::make_unique<Worker>();
    worker->thread = std::thread(&Invocations::Run, this, function, worker.get());
  }
  if (worker->waiting.size() >= kWaitingMax) {
    return InvokeError{InvokeErrorKind::kBusy, std::to_string(kWaitingMax) + " invocations of " +
                                                   function + " are waiting already"};
  }
  worker->waiting.push_back(std::move(*waiting));
  worker->changed.notify_one();
  return std::nullopt;
}

void Invocations::Run(const std::string& function, Worker* worker) {
  const std::unique_ptr<FunctionInvoker> invoker = functions_->Make(function);
  std::unique_lock lock(mutex_);
  while (true) {
    worker->changed.wait_for(lock, kForgetEvery,
                             [&] { return stopping_ || !worker->waiting.empty(); });
    if (stopping_) break;
    if (worker->waiting.empty()) {
      lock.unlock();
      const bool gone = !functions_->Has(function);
      invoker->ForgetGone();
      lock.lock();
      if (gone && worker->waiting.empty()) break;
      continue;
    }
    const Waiting next = std::move(worker->waiting.front());
    worker->waiting.pop_front();
    worker->runs_handler = true;
    lock.unlock();
    http::InvokeResult result = invoker->Invoke(next.event);
    lock.lock();
    worker->runs_handler = false;
    lock.unlock();
    next.callback(std::move(result));
    lock.lock();
  }
  worker->ended = true;
}

bool Invocations::Stop() {
  std::vector<Waiting> unanswered;
  bool idle = true;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [function, worker] : workers_) {
      for (Waiting& waiting : worker->waiting) unanswered.push_back(std::move(waiting));
      worker->waiting.clear();
      worker->changed.notify_one();
      if (worker->runs_handler) idle = false;
    }
  }
  for (Waiting& waiting : unanswered) waiting.callback(HostStops());
  return idle;
}

}  // namespace millrace::app
