// SPDX-License-Identifier: Apache-2.0
#include "kafka/transaction_worker.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "kafka/fence_worker.h"
#include "kafka/reply_box.h"
#include "kafka/transactional_producer.h"

namespace millrace::kafka {
namespace {

using commit::FenceReply;
using commit::TransactionReply;
using commit::TransactionRequest;

constexpr Millis kInitSlice{1'000};  // then a request that has come meanwhile takes over

TransactionalOptions OptionsOf(const TransactionWorkerOptions& options) {
  return {.client = options.client,
          .transactional_id = options.transactional_id,
          .transaction_timeout = options.transaction_timeout};
}

class TransactionWorker final : public commit::Transactions {
 public:
  explicit TransactionWorker(const TransactionWorkerOptions& options)
      : replies_(options.wake_fd),
        fence_replies_(options.wake_fd),
        fences_(OptionsOf(options), &fence_replies_) {}
  ~TransactionWorker() override;
  Status Begin(const TransactionWorkerOptions& options);

  void StartFence(const std::string& owner, uint64_t request) override {
    fences_.Start(owner, request);
  }
  bool PollFence(FenceReply* reply) override { return fence_replies_.Poll(reply); }
  void StartTransaction(TransactionRequest request) override;
  bool PollTransaction(TransactionReply* reply) override { return replies_.Poll(reply); }

 private:
  void Run();

  ReplyBox<TransactionReply> replies_;
  ReplyBox<FenceReply> fence_replies_;
  StopSignal stop_;
  std::unique_ptr<TransactionalProducer> producer_;  // the thread's, once that runs
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<TransactionRequest> asked_;  // guarded by mutex_
  std::thread thread_;
  FenceWorker fences_;
};

Status TransactionWorker::Begin(const TransactionWorkerOptions& options) {
  auto producer = TransactionalProducer::Create(OptionsOf(options), &stop_);
  if (!producer) return producer.error();
  producer_ = std::move(*producer);
  thread_ = std::thread([this] { Run(); });
  return {};
}

TransactionWorker::~TransactionWorker() {
  {
    std::lock_guard lock(mutex_);
    stop_.Stop();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void TransactionWorker::StartTransaction(TransactionRequest request) {
  {
    std::lock_guard lock(mutex_);
    asked_ = std::move(request);
  }
  changed_.notify_all();
}

void TransactionWorker::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_.stopped()) {
    if (asked_) {
      const TransactionRequest request = std::move(*asked_);
      asked_.reset();
      lock.unlock();
      TransactionReply reply = producer_->Run(request);
      if (stop_.stopped()) return;
      replies_.Push(std::move(reply));
      lock.lock();
    } else if (!producer_->ready()) {
      lock.unlock();
      // A failure is logged, and told to the transaction that waits for it.
      static_cast<void>(producer_->Init(std::chrono::steady_clock::now() + kInitSlice));
      lock.lock();
    } else {
      changed_.wait(lock);
    }
  }
}

}  // namespace

Result<std::unique_ptr<commit::Transactions>> MakeTransactions(
    const TransactionWorkerOptions& options) {
  auto worker = std::make_unique<TransactionWorker>(options);
  if (Status status = worker->Begin(options); !status) return status.error();
  return std::unique_ptr<commit::Transactions>(std::move(worker));
}

}  // namespace millrace::kafka
