// SPDX-License-Identifier: Apache-2.0
#include "redis/socket.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <limits>

namespace millrace::redis {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

std::string TlsErrorText(const char* what) {
  char text[256] = "connection ended";
  if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  return std::string(what) + ": " + text;
}

}  // namespace

void Socket::FreeSsl::operator()(ssl_st* ssl) const { SSL_free(ssl); }
void Socket::FreeSsl::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Socket::Socket(asio::io_context* io, Endpoint endpoint, SocketEvents events)
    : endpoint_(std::move(endpoint)), events_(std::move(events)), tcp_(*io), resolver_(*io) {}

Socket::~Socket() { Close(); }

void Socket::Connect() {
  Close();
  attempt_ = std::make_shared<Attempt>();
  error_code error;
  if (const auto address = asio::ip::make_address(endpoint_.host, error); !error) {
    ConnectTo(tcp::resolver::results_type::create(tcp::endpoint(address, endpoint_.port),
                                                  endpoint_.host, ""));
    return;
  }
  resolver_.async_resolve(
      endpoint_.host, std::to_string(endpoint_.port),
      [this, alive = std::weak_ptr(attempt_)](error_code failed, const auto& addresses) {
        if (alive.expired()) return;
        if (failed) return events_.failed("cannot resolve the name: " + failed.message());
        ConnectTo(addresses);
      });
}

void Socket::ConnectTo(const tcp::resolver::results_type& addresses) {
  asio::async_connect(tcp_, addresses,
                      [this, alive = std::weak_ptr(attempt_)](error_code failed, const auto&) {
                        if (alive.expired()) return;
                        if (failed) return events_.failed("cannot connect: " + failed.message());
                        OnTcpConnected();
                      });
}

void Socket::OnTcpConnected() {
  error_code error;
  tcp_.non_blocking(true, error);
  if (!error) tcp_.set_option(tcp::no_delay(true), error);
  if (!error) tcp_.set_option(asio::socket_base::keep_alive(true), error);
  if (error) return events_.failed("cannot set up the socket: " + error.message());
  if (endpoint_.tls) {
    if (const Status started = StartTls(); !started) return events_.failed(started.error().message);
  }
  events_.connected();
}

// The TLS handshake itself happens inside the first reads and writes.
Status Socket::StartTls() {
  ERR_clear_error();
  tls_context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!tls_context_) return Retriable(TlsErrorText("TLS"));
  SSL_CTX_set_min_proto_version(tls_context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(tls_context_.get(), SSL_VERIFY_PEER, nullptr);
  const int loaded =
      endpoint_.ca_file.empty()
          ? SSL_CTX_set_default_verify_paths(tls_context_.get())
          : SSL_CTX_load_verify_locations(tls_context_.get(), endpoint_.ca_file.c_str(), nullptr);
  if (loaded != 1) return Retriable(TlsErrorText("TLS certificates"));
  tls_.reset(SSL_new(tls_context_.get()));
  if (!tls_) return Retriable(TlsErrorText("TLS"));
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  error_code not_an_address;
  asio::ip::make_address(endpoint_.host, not_an_address);
  X509_VERIFY_PARAM* const verify = SSL_get0_param(tls_.get());
  if (not_an_address) {
    SSL_set_tlsext_host_name(tls_.get(), endpoint_.host.c_str());
    X509_VERIFY_PARAM_set1_host(verify, endpoint_.host.c_str(), 0);
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(verify, endpoint_.host.c_str());
  }
  SSL_set_fd(tls_.get(), tcp_.native_handle());
  SSL_set_connect_state(tls_.get());
  return {};
}

void Socket::Close() {
  attempt_.reset();
  read_awaited_ = write_awaited_ = write_blocked_ = false;
  resolver_.cancel();
  error_code ignored;
  tcp_.close(ignored);
  tls_.reset();
}

Result<size_t> Socket::TlsResult(int result, const char* what) {
  if (result > 0) return static_cast<size_t>(result);
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_WRITE:
      write_blocked_ = true;
      return size_t{0};
    case SSL_ERROR_WANT_READ:
      return size_t{0};
    default:
      return Retriable(TlsErrorText(what));
  }
}

Result<size_t> Socket::Read(std::span<char> into) {
  if (tls_) {
    ERR_clear_error();
    const int size =
        static_cast<int>(std::min<size_t>(into.size(), std::numeric_limits<int>::max()));
    return TlsResult(SSL_read(tls_.get(), into.data(), size), "TLS read");
  }
  error_code error;
  const size_t size = tcp_.read_some(asio::buffer(into.data(), into.size()), error);
  if (!error) return size;
  if (error == asio::error::would_block || error == asio::error::interrupted) return size_t{0};
  return Retriable("connection lost: " + error.message());
}

Result<size_t> Socket::Write(std::string_view bytes) {
  write_blocked_ = false;
  if (tls_) {
    ERR_clear_error();
    const int size =
        static_cast<int>(std::min<size_t>(bytes.size(), std::numeric_limits<int>::max()));
    return TlsResult(SSL_write(tls_.get(), bytes.data(), size), "TLS write");
  }
  error_code error;
  const size_t size = tcp_.write_some(asio::buffer(bytes), error);
  if (!error) return size;
  write_blocked_ = error == asio::error::would_block || error == asio::error::interrupted;
  if (write_blocked_) return size_t{0};
  return Retriable("connection lost: " + error.message());
}

Status Socket::Send(OutBuffer* out) {
  while (!out->empty()) {
    const Result<size_t> sent = Write(out->unsent());
    if (!sent) return sent.error();
    if (*sent == 0) break;
    out->Consume(*sent);
  }
  if (write_blocked_) AwaitWritable();
  return {};
}

void Socket::AwaitReadable() {
  if (read_awaited_) return;
  read_awaited_ = true;
  tcp_.async_wait(tcp::socket::wait_read,
                  [this, alive = std::weak_ptr(attempt_)](error_code failed) {
                    if (alive.expired()) return;
                    read_awaited_ = false;
                    if (!failed) events_.readable();
                  });
}

void Socket::AwaitWritable() {
  if (write_awaited_) return;
  write_awaited_ = true;
  tcp_.async_wait(tcp::socket::wait_write,
                  [this, alive = std::weak_ptr(attempt_)](error_code failed) {
                    if (alive.expired()) return;
                    write_awaited_ = false;
                    if (!failed) events_.writable();
                  });
}

void Socket::Wait(Millis at_most) {
  short events = POLLIN;
  if (write_blocked_) events |= POLLOUT;
  pollfd fd{.fd = tcp_.native_handle(), .events = events, .revents = 0};
  poll(&fd, 1, static_cast<int>(std::max<int64_t>(at_most.count(), 0)));
}

}  // namespace millrace::redis
