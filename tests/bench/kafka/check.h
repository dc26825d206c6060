// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <time.h>

#include <stdexcept>
#include <string>

namespace millrace::bench {

// Ends the program with the message, by way of every destructor: nothing that it started stays.
inline void Require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

// SIGINT and SIGTERM are held back from the start; every wait asks here whether one has come.
inline void HoldSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
}

// Takes the signal, so that what is still to be done is not interrupted by it.
inline bool TakeInterruption() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  const timespec at_once{};
  return sigtimedwait(&stop, nullptr, &at_once) > 0;
}

inline void EndIfInterrupted() {
  sigset_t pending;
  sigpending(&pending);
  Require(!sigismember(&pending, SIGINT) && !sigismember(&pending, SIGTERM), "interrupted");
}

}  // namespace millrace::bench
