// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "http/invoke.h"

namespace millrace::app {

// What invokes one function: made, used and ended on one thread.
class FunctionInvoker {
 public:
  virtual ~FunctionInvoker() = default;
  virtual http::InvokeResult Invoke(const http::InvokeEvent& event) = 0;
  // Ends what it holds of a generation that does not run any more. Called between invocations.
  virtual void ForgetGone() = 0;
};

// The functions that may be invoked. Any thread; both return at once.
class InvokableFunctions {
 public:
  virtual ~InvokableFunctions() = default;
  virtual bool Has(const std::string& function) = 0;
  virtual std::unique_ptr<FunctionInvoker> Make(const std::string& function) = 0;
};

// Invocations over HTTP, one after the other per function on a thread of the function's own, so
// that a slow handler holds up neither the server nor a lane nor another function. A thread comes
// with the first invocation and ends when its function is gone; at most kWaitingMax wait per
// function. Any thread may ask; every callback is called once, from here or from Add.
class Invocations {
 public:
  static constexpr size_t kWaitingMax = 16;

  explicit Invocations(InvokableFunctions* functions) : functions_(functions) {}
  ~Invocations();  // stops, and waits for the handlers that run
  Invocations(const Invocations&) = delete;
  Invocations& operator=(const Invocations&) = delete;

  void Add(http::InvokeRequest request, http::InvokeCallback callback);

  // Answers kNotRunning to those that wait or come later. False: a handler still runs, and the
  // destructor would wait for it.
  bool Stop();

 private:
  struct Waiting {
    http::InvokeEvent event;
    http::InvokeCallback callback;
  };
  struct Worker {
    std::condition_variable changed;
    std::deque<Waiting> waiting;
    bool runs_handler = false;
    bool ended = false;  // the thread is about to return, and takes nothing more
    std::thread thread;
  };

  // A reason not to take the invocation; absent: it waits for its turn.
  std::optional<http::InvokeError> Enqueue(const std::string& function, Waiting* waiting);
  void Run(const std::string& function, Worker* worker);

  InvokableFunctions* functions_;
  std::mutex mutex_;
  bool stopping_ = false;                                   // guarded by mutex_
  std::map<std::string, std::unique_ptr<Worker>> workers_;  // by function; guarded by mutex_
};

}  // namespace millrace::app
