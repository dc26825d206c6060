// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "app/dry_run.h"
#include "app/host.h"
#include "http/invoke.h"

namespace millrace::app {

// Invocations over HTTP, one after the other on a thread of their own, so that a slow handler holds
// up neither the server nor a lane. At most kWaitingMax wait. Any thread may ask.
class Invocations {
 public:
  static constexpr size_t kWaitingMax = 64;

  Invocations(const Host* host, StoreFactory stores, const Clock* clock);
  ~Invocations();  // waits for the one that runs; those that wait are answered kNotRunning
  Invocations(const Invocations&) = delete;
  Invocations& operator=(const Invocations&) = delete;

  void Add(http::InvokeRequest request, http::InvokeCallback callback);
  bool busy() const { return running_; }  // a handler runs now

 private:
  struct Waiting {
    http::InvokeRequest request;
    http::InvokeCallback callback;
  };

  void Run();
  void ForgetGone();
  http::InvokeResult Execute(const http::InvokeRequest& request);

  const Host* host_;
  StoreFactory stores_;
  const Clock* clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;  // guarded by mutex_
  bool stopping_ = false;        // guarded by mutex_
  std::atomic<bool> running_{false};
  std::map<std::string, std::unique_ptr<DryRun>> runs_;  // by function; the thread's own
  std::thread thread_;
};

}  // namespace millrace::app
