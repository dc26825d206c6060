// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "app/wake.h"
#include "http/invoke.h"

namespace millrace::app {

class LaneProcess;

// Invocations of one function on their way from the threads that wait for them to the function's
// process, which only its control thread may talk to.
class InvocationQueue {
 public:
  explicit InvocationQueue(const Wake* control) : control_(control) {}  // outlives it
  InvocationQueue(const InvocationQueue&) = delete;
  InvocationQueue& operator=(const InvocationQueue&) = delete;

  // Any thread. Blocks until the process has answered, or there is none.
  http::InvokeResult Invoke(const http::InvokeEvent& event);

  // The control thread: what is asked for later is answered at once, as nobody will take it.
  void Close();
  // The control thread: hands over what waits. Null: there is no process, which is the answer.
  void HandTo(LaneProcess* process);

 private:
  struct Waiting;

  const Wake* control_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Waiting>> waiting_;  // guarded by mutex_
  bool closed_ = false;                            // guarded by mutex_
};

}  // namespace millrace::app
