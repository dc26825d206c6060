// SPDX-License-Identifier: Apache-2.0
#include "app/invocation_queue.h"

#include <condition_variable>
#include <optional>
#include <utility>

#include "app/lane_process.h"

namespace millrace::app {

// One that a thread waits for.
struct InvocationQueue::Waiting {
  http::InvokeEvent event;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<http::InvokeResult> result;  // guarded by mutex

  void Answer(http::InvokeResult with) {
    const std::lock_guard lock(mutex);
    result = std::move(with);
    changed.notify_all();
  }
};

http::InvokeResult InvocationQueue::Invoke(const http::InvokeEvent& event) {
  const auto invocation = std::make_shared<Waiting>();
  invocation->event = event;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return http::InvokeError{http::InvokeErrorKind::kNotRunning, "the function has stopped"};
    }
    waiting_.push_back(invocation);
  }
  control_->Signal();
  std::unique_lock lock(invocation->mutex);
  invocation->changed.wait(lock, [&] { return invocation->result.has_value(); });
  return *std::move(invocation->result);
}

void InvocationQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void InvocationQueue::HandTo(LaneProcess* process) {
  std::vector<std::shared_ptr<Waiting>> asked;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(waiting_);
  }
  for (const auto& invocation : asked) {
    if (process) {
      process->Invoke(invocation->event, [invocation](http::InvokeResult result) {
        invocation->Answer(std::move(result));
      });
    } else {
      invocation->Answer(
          http::InvokeError{http::InvokeErrorKind::kNotRunning, "the function does not run"});
    }
  }
}

}  // namespace millrace::app
