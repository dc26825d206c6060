// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::redis {

// Where a Redis is and how to log in.
struct RedisUrl {
  std::string host;
  uint16_t port = 6379;
  std::string user;  // empty: the default user
  std::string password;
  int database = 0;
  bool tls = false;

  // "redis://host:port/db", fit for logs: never with user or password.
  std::string Printable() const;
};

// redis://[user[:password]@]host[:port][/db] or rediss:// for TLS; redis://:password@host, too. A
// failure says what is wrong without repeating the text, which may hold a password.
Result<RedisUrl> ParseRedisUrl(std::string_view text);

}  // namespace millrace::redis
