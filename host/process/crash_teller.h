// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace millrace::process {

// Which of the threads that are watched ended their process; 0: not known. Lies in memory that
// outlives it.
class Culprit {
 public:
  static constexpr int32_t kOther = -1;    // a thread that is not watched
  static constexpr int32_t kOutside = -2;  // another process, by a signal

  // 1 and more: the number that the thread was given.
  int32_t value() const { return value_.load(); }
  void Set(int32_t value) {
    int32_t unknown = 0;
    value_.compare_exchange_strong(unknown, value);  // the first one counts
  }
  void Clear() { value_ = 0; }

 private:
  std::atomic<int32_t> value_{0};
};

// From now on a signal that ends this process (a fault, an abort), and exit() on any thread, are
// noted in `process` as kOther, or in what a watched thread was given. The signal does what it does
// otherwise. Once per process; what it is given outlives the process's threads.
void TellCrashes(Culprit* process);

// From now on exit() is meant. What is not, after TellCrashes, ends the process at once, with its
// code, and runs no destructors beside threads that still work.
void AllowExit();
// After a library has been loaded: its own exit handlers come after ours again.
void GuardExit();

// The calling thread is `number` of `culprit` as long as this lives, and has a stack of its own for
// signals, so that one that overflows its stack is noted too. One per thread.
class WatchedThread {
 public:
  WatchedThread(Culprit* culprit, int32_t number);
  ~WatchedThread();
  WatchedThread(const WatchedThread&) = delete;
  WatchedThread& operator=(const WatchedThread&) = delete;

 private:
  std::unique_ptr<std::byte[]> stack_;
};

}  // namespace millrace::process
