// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "connection.h"

namespace millrace::tools {

// Listens on a free loopback port and gives every client a Connection to the server.
// Everything runs on the io_context's one thread; both must outlive every handler.
class Proxy {
 public:
  // Throws boost::system::system_error if it cannot listen.
  Proxy(boost::asio::io_context& io, Connection::Endpoint server, std::uint16_t listen_port,
        std::chrono::milliseconds delay);

  std::uint16_t port() const;
  void Start();

  // Closes every connection; new ones are accepted.
  void Drop();
  // Swallows every reply, those already on their way included, until Pass().
  void Hole();
  void Pass();
  // For replies that come in from now on; those on their way keep theirs, and order is kept.
  void SetDelay(std::chrono::milliseconds delay);

 private:
  template <typename Action>
  void ForEachLiving(Action action);

  boost::asio::ip::tcp::acceptor acceptor_;
  Connection::Endpoint server_;
  Behaviour behaviour_;
  std::vector<std::weak_ptr<Connection>> connections_;
};

// Does what one line asks for: drop, hole, pass, or delay MS. False if it is none of them.
bool Obey(Proxy& proxy, std::string_view line);

}  // namespace millrace::tools
