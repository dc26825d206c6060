// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace millrace::redis {

// A redis-server of the test's own, without persistence, on a free port and in a folder of its own.
// Stop and Start keep the port. Ended and removed with the object.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> arguments = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void Start();  // returns when it answers
  void Stop();   // SIGKILL: nothing is saved
  void Pause();  // SIGSTOP
  void Resume();

  static int FreePort();
  int port() const { return port_; }
  const std::string& folder() const { return folder_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_) + "/0"; }

  // Runs one command over a connection of its own; the reply as text, an array in lines.
  std::string Command(const std::vector<std::string>& words) const;

 private:
  std::vector<std::string> arguments_;
  std::string folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace millrace::redis
