// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

namespace millrace::kafka {

// librdkafka property → value, as the user gave them. Properties that the protocol owns are set by
// the adapters afterwards and win.
using Properties = std::map<std::string, std::string>;

// Receives the client library's log lines. `level` is syslog's (3 error, 4 warning, 6 info). Called
// from the client's own threads, at any time until the object it was given to is destroyed: must be
// thread-safe, must not block, and limits the rate itself.
using LogSink = std::function<void(int level, const std::string& text)>;

// What every client of this folder is made with.
struct ClientOptions {
  Properties properties;  // at least bootstrap.servers
  std::string client_id;  // see ClientId
  LogSink log;            // may be empty
};

// "millrace-<function>-<host id>": how a client shows in the broker's logs and quotas.
std::string ClientId(const std::string& function, const std::string& host_id);

}  // namespace millrace::kafka
