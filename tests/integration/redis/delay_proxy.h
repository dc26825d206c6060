// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/clock.h"

namespace millrace::redis {

// Forwards TCP connections to 127.0.0.1:<port> and holds back every byte of the answers for the
// delay, without limiting how many are under way. Serves on a thread of its own until destroyed.
class DelayProxy {
 public:
  DelayProxy(int port, Millis delay);
  ~DelayProxy();
  int port() const;
  void DropAnswers();  // what is held back of the present connections' answers is lost

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::redis
