// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "kafka/client_options.h"
#include "kafka/handle.h"

namespace millrace::kafka {

// Configuration of a client in the making: the user's properties first, then the adapter's own.
// Keeps the first error; Finish tells it. Private to this folder.
class ConfBuilder {
 public:
  explicit ConfBuilder(const Properties& user);
  void SetDefault(const std::string& name, const std::string& value);  // unless the user set it
  void Set(const std::string& name, const std::string& value);         // wins over the user
  // As SetDefault, for a property that not every version of the library has; false when it has not.
  bool TrySetDefault(const std::string& name, const std::string& value);
  rd_kafka_conf_t* get() { return conf_.get(); }
  Result<ConfPtr> Finish();

 private:
  const Properties& user_;
  ConfPtr conf_;
  std::string error_;
};

// Owns one librdkafka client and what its callbacks point to. The address is stable; destroying it
// joins the client's threads (without leaving a group: that is the membership's business).
class Client {
 public:
  // Callbacks of `conf` other than log get `owner` as their opaque pointer.
  static Result<std::unique_ptr<Client>> Create(rd_kafka_type_t type, ConfBuilder conf,
                                                const ClientOptions& options, void* owner);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* get() const { return rk_; }
  void* owner() const { return owner_; }
  const std::string& servers() const { return servers_; }
  void Log(int level, const std::string& text) const {
    if (log_) log_(level, text);
  }

  static Client& Of(void* opaque) { return *static_cast<Client*>(opaque); }

 private:
  Client(const ClientOptions& options, void* owner);

  LogSink log_;
  std::string servers_;
  void* owner_;
  rd_kafka_t* rk_ = nullptr;
};

}  // namespace millrace::kafka
