// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "redis/out_buffer.h"

struct ssl_st;
struct ssl_ctx_st;

namespace millrace::redis {

struct Endpoint {
  std::string host;
  uint16_t port = 0;
  bool tls = false;
  std::string ca_file;  // PEM; empty: the system's certificates
};

// What a socket tells its owner, on the thread of the io_context, never from within a call to it.
struct SocketEvents {
  std::function<void()> connected;
  std::function<void(const std::string& why)> failed;  // to connect
  std::function<void()> readable;
  std::function<void()> writable;
};

// A TCP connection, TLS or not, that never blocks but in Wait. Reads and writes are plain system
// calls; the io_context only says when they are worth trying. After Close no event of the former
// connection arrives. TLS verifies the certificate and that it names the host.
class Socket {
 public:
  Socket(boost::asio::io_context* io, Endpoint endpoint, SocketEvents events);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void Connect();
  void Close();

  // How many bytes were moved; 0 = it would block. An error: the connection is over.
  Result<size_t> Read(std::span<char> into);
  Result<size_t> Write(std::string_view bytes);
  // Writes as much of `out` as the network takes, and asks for `writable` if it takes no more.
  Status Send(OutBuffer* out);

  // Ask for one `readable` or `writable` event.
  void AwaitReadable();
  void AwaitWritable();
  // TLS holds bytes back: read until it would block.
  bool tls() const { return endpoint_.tls; }

  // Blocks until bytes can be read (or written, if a Write was stopped) or the time is over.
  void Wait(Millis at_most);

 private:
  struct FreeSsl {
    void operator()(ssl_st* ssl) const;
    void operator()(ssl_ctx_st* context) const;
  };
  struct Attempt {};

  void ConnectTo(const boost::asio::ip::tcp::resolver::results_type& addresses);
  void OnTcpConnected();
  Status StartTls();
  Result<size_t> TlsResult(int result, const char* what);

  Endpoint endpoint_;
  SocketEvents events_;
  boost::asio::ip::tcp::socket tcp_;
  boost::asio::ip::tcp::resolver resolver_;
  std::unique_ptr<ssl_ctx_st, FreeSsl> tls_context_;
  std::unique_ptr<ssl_st, FreeSsl> tls_;
  std::shared_ptr<Attempt> attempt_;  // handlers of an earlier connection find it gone
  bool read_awaited_ = false;
  bool write_awaited_ = false;
  bool write_blocked_ = false;
};

}  // namespace millrace::redis
