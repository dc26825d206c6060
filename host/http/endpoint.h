// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::http {

// Where a server listens or a client connects.
struct Endpoint {
  std::string host;  // name or address, without brackets
  uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// "127.0.0.1:8080", "[::1]:8080", "host:0", each also with "http://" before and "/" after. Fatal
// error that names the text if it is anything else; https is refused by name.
Result<Endpoint> ParseEndpoint(std::string_view text);

// "127.0.0.1:8080", "[::1]:8080".
std::string ToString(const Endpoint& endpoint);

}  // namespace millrace::http
