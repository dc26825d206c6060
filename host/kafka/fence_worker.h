// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "commit/transactions.h"
#include "kafka/reply_box.h"
#include "kafka/transactional_client.h"

namespace millrace::kafka {

// Ends other owners' transactions on a thread of its own, so that they wait for no transaction of
// the lane. Private to this folder.
class FenceWorker {
 public:
  // `replies` outlives the worker.
  FenceWorker(TransactionalOptions options, ReplyBox<commit::FenceReply>* replies);
  ~FenceWorker();  // within about a second; answers still owed are not given

  // Answered once, within some seconds. Requests for one owner that wait together are one
  // initialisation.
  void Start(const std::string& owner, uint64_t request);

 private:
  struct Request {
    std::string owner;
    uint64_t number = 0;
  };

  void Run();
  std::deque<Request> TakeNext();
  std::optional<CallError> Fence(const std::string& owner);

  TransactionalOptions options_;
  ReplyBox<commit::FenceReply>* replies_;
  StopSignal stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> requests_;  // guarded by mutex_; bounded by the tasks of the lane
  std::thread thread_;
};

}  // namespace millrace::kafka
