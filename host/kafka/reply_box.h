// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

namespace millrace::kafka {

// Replies from a helper thread to a lane, in order; bounded by what the lane has asked for. Private
// to this folder.
template <class Reply>
class ReplyBox {
 public:
  // `wake_fd`: non-blocking eventfd, written with every reply; -1 = none.
  explicit ReplyBox(int wake_fd) : wake_fd_(wake_fd) {}

  void Push(Reply reply) {
    std::lock_guard lock(mutex_);
    replies_.push_back(std::move(reply));
    const uint64_t one = 1;
    if (wake_fd_ >= 0 && write(wake_fd_, &one, sizeof(one)) < 0) {
      // A full eventfd counter is a pending wake-up already.
    }
  }

  // The lane is gone: nobody is woken any more.
  void Detach() {
    std::lock_guard lock(mutex_);
    wake_fd_ = -1;
  }

  bool Poll(Reply* reply) {
    std::lock_guard lock(mutex_);
    if (replies_.empty()) return false;
    *reply = std::move(replies_.front());
    replies_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  int wake_fd_;  // guarded by mutex_, as the next one
  std::deque<Reply> replies_;
};

}  // namespace millrace::kafka
