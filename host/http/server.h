// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "base/clock.h"
#include "base/logger.h"
#include "base/result.h"
#include "http/api.h"
#include "http/endpoint.h"

namespace millrace::http {

struct ServerLimits {
  size_t target_bytes_max = 8 * 1024;   // above: 414
  size_t header_bytes_max = 16 * 1024;  // request line and all fields; above: 431
  size_t body_bytes_max = 1024 * 1024;  // above: 413
  size_t connections_max = 256;         // above: 503 and closed at once
};

struct ServerTimeouts {
  Millis header{5'000};   // from accept, or from a request's first byte, to its last field: 408
  Millis body{10'000};    // from the last field to the end of the body: 408
  Millis handle{30'000};  // for the API to answer: 504
  Millis write{10'000};   // for the client to take the answer: closed
  Millis idle{60'000};    // between requests of one connection: closed
  Millis linger{2'000};   // after an error, for the client to read it before the connection resets
};

struct ServerOptions {
  Endpoint listen{"127.0.0.1", 8080};  // an address, not a name; port 0 = any free one
  ServerLimits limits;
  ServerTimeouts timeouts;
};

// The HTTP surface: listens, parses, asks the API, answers (docs/http.md). Runs on one thread of
// its own. Requests of one connection are answered in order; a request that waits for the API holds
// up its own connection alone. `api` and `log` outlive the server.
class Server {
 public:
  // Listens before it returns. Fatal error if the address is not one of this machine or is taken.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options, Api& api, Logger& log);

  virtual ~Server() = default;  // stops

  virtual const Endpoint& endpoint() const = 0;  // with the actual port

  // Closes every connection, answered or not, and ends the thread. Waits for no invocation; what
  // the API calls back later is dropped. Idempotent; not from the API's own calls.
  virtual void Stop() = 0;
};

}  // namespace millrace::http
