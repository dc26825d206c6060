// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "child_process.h"

namespace millrace::drain {

// Where the programs are that this one starts.
struct Programs {
  std::string host;         // millrace
  std::string library;      // drain_function.so
  std::string stack;        // tests/tools/stack
  std::string delay_proxy;  // delay_proxy
};

// Beside the program itself: <root>/build/<preset>/bin/drain.
Programs FindPrograms();

// A folder in the temporary folder that goes with this object.
class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Kafka and Redis: those that KAFKA and REDIS name, else a stack that lives as long as this object.
class Services {
 public:
  Services(const Programs& programs, const std::string& folder);
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;
  ~Services();

  const std::string& kafka() const { return kafka_; }  // bootstrap servers
  const std::string& redis() const { return redis_; }  // redis://host:port/db

 private:
  std::string stack_;  // empty: not ours
  std::string folder_;
  std::string kafka_;
  std::string redis_;
};

// A way to the same Redis on which every reply takes longer.
class DelayedRedis {
 public:
  DelayedRedis(const Programs& programs, const std::string& redis_url, uint32_t delay_ms);
  const std::string& url() const { return url_; }

 private:
  std::unique_ptr<ChildProcess> proxy_;
  std::string url_;
};

}  // namespace millrace::drain
