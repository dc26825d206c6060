// SPDX-License-Identifier: Apache-2.0
#include "kafka/fence_worker.h"

#include <utility>

namespace millrace::kafka {
namespace {

constexpr int kSliceMs = 500;
constexpr Millis kFenceMax{4'000};
constexpr int kAttemptsMax = 2;  // another fencer of the same owner may come in between

}  // namespace

FenceWorker::FenceWorker(TransactionalOptions options, ReplyBox<commit::FenceReply>* replies)
    : options_(std::move(options)), replies_(replies), thread_([this] { Run(); }) {}

FenceWorker::~FenceWorker() {
  {
    std::lock_guard lock(mutex_);
    stop_.Stop();
  }
  changed_.notify_all();
  thread_.join();
}

void FenceWorker::Start(const std::string& owner, uint64_t request) {
  {
    std::lock_guard lock(mutex_);
    requests_.push_back({.owner = owner, .number = request});
  }
  changed_.notify_all();
}

void FenceWorker::Run() {
  for (auto requests = TakeNext(); !requests.empty(); requests = TakeNext()) {
    const std::string& owner = requests.front().owner;
    const std::optional<CallError> failed = Fence(owner);
    if (stop_.stopped()) return;
    for (const Request& request : requests) {
      replies_->Push({.owner = owner,
                      .request = request.number,
                      .done = !failed,
                      .detail = failed ? failed->text : ""});
    }
  }
}

// All that waits for the owner of the oldest request; empty: stopped.
std::deque<FenceWorker::Request> FenceWorker::TakeNext() {
  std::deque<Request> taken;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_.stopped() || !requests_.empty(); });
  if (stop_.stopped()) return taken;
  const std::string owner = requests_.front().owner;
  for (const Request& request : requests_) {
    if (request.owner == owner) taken.push_back(request);
  }
  std::erase_if(requests_, [&owner](const Request& request) { return request.owner == owner; });
  return taken;
}

std::optional<CallError> FenceWorker::Fence(const std::string& owner) {
  TransactionalOptions options = options_;
  options.transactional_id = owner;
  std::optional<CallError> failed;
  for (int i = 0; i < kAttemptsMax && !stop_.stopped(); ++i) {
    auto client = MakeTransactionalClient(options, nullptr, nullptr);
    if (!client) return CallError{.text = client.error().message};
    const SteadyTime until = std::chrono::steady_clock::now() + kFenceMax;
    failed = Repeat(stop_, until,
                    [&client] { return rd_kafka_init_transactions((*client)->get(), kSliceMs); });
    if (!failed || !IsFencing(failed->code)) break;
  }
  return failed;
}

}  // namespace millrace::kafka
