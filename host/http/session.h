// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "http/server.h"

namespace millrace::http {

// Internal to the server: what it and its connections share.

// The way from any thread back to the server's thread. After Close nothing gets through, so that
// a late answer never touches a server that has gone.
class ReturnPath {
 public:
  explicit ReturnPath(boost::asio::io_context& io) : io_(&io) {}

  template <class Work>
  void Post(Work&& work) {
    const std::lock_guard lock(mutex_);
    if (io_) boost::asio::post(*io_, std::forward<Work>(work));
  }

  void Close() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* io_;  // guarded by mutex_
};

// Used on the server's thread only; outlives all connections.
struct SessionHub {
  const ServerOptions& options;
  Api& api;
  std::shared_ptr<ReturnPath> return_path;
  uint64_t next_id = 0;
  std::map<uint64_t, std::function<void()>> open;  // connection → close it
};

// Serves the connection until it ends, is closed through hub.open or breaks a limit.
void Serve(boost::asio::ip::tcp::socket socket, SessionHub& hub);

// Answers 503 as far as the socket takes it at once, and closes.
void Refuse(boost::asio::ip::tcp::socket socket);

}  // namespace millrace::http
