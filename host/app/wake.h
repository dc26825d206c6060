// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace millrace::app {

// A non-blocking eventfd: any thread signals, the owner waits for it to be readable and drains it.
class Wake {
 public:
  Wake() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error("the system gives no eventfd: too many open files?");
  }
  ~Wake() { close(fd_); }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  int fd() const { return fd_; }
  void Signal() const {
    const uint64_t one = 1;
    static_cast<void>(!write(fd_, &one, sizeof one));  // full = already signalled
  }
  void Drain() const {
    uint64_t count = 0;
    static_cast<void>(!read(fd_, &count, sizeof count));
  }

 private:
  int fd_;
};

}  // namespace millrace::app
