// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::drain {

struct Ended {
  int code = 0;            // 128 + the signal's number, if one ended it
  double cpu_seconds = 0;  // of its whole life
};

// A program that we started, its stdout read by us. Ends with this object, or with this process,
// whatever happens. Throws std::runtime_error.
class ChildProcess {
 public:
  // stderr goes to the end of `log`; if that is empty, to ours.
  ChildProcess(const std::vector<std::string>& words, const std::string& log);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  // The next line of its stdout, without the line's end; throws if none comes in time.
  std::string ReadLine(std::chrono::milliseconds patience);
  std::string ReadAll();

  void RequireRunning();
  Ended Stop(std::chrono::milliseconds patience);  // by SIGTERM
  Ended Wait();                                    // until it ends by itself

  // With the processes that it has started and that live: so far, user and system, every thread.
  double cpu_seconds() const;
  int64_t peak_memory_bytes() const;  // resident
  pid_t pid() const { return pid_; }

 private:
  bool Reap(int flags);
  std::vector<pid_t> Family() const;
  double CpuSecondsOf(pid_t pid) const;
  int64_t PeakMemoryBytesOf(pid_t pid) const;

  std::string name_;
  pid_t pid_ = -1;
  int stdout_ = -1;
  std::string unread_;
  Ended ended_;
};

}  // namespace millrace::drain
