// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "http/endpoint.h"
#include "http/message.h"

namespace millrace::http {

struct ClientOptions {
  Millis connect_timeout{3'000};
  Millis answer_timeout{35'000};  // from connected to the last byte; above the server's own limit
  size_t answer_bytes_max = 64 * 1024 * 1024;
};

struct ClientResponse {
  int status = 0;
  Fields fields;
  std::string body;
};

// One request on one connection, synchronous; Host, Content-Length and Connection are set here. Any
// answer is a ClientResponse, whatever its status. A retriable error: nobody was reached, or no
// whole answer came in time. A fatal one: what answered does not speak HTTP, or too much of it, or
// the request cannot be written.
Result<ClientResponse> Send(const Endpoint& server, const Request& request,
                            const ClientOptions& options = {});

// Percent-encodes what may not stand in a path segment or a query value.
std::string PercentEncode(std::string_view text);

}  // namespace millrace::http
