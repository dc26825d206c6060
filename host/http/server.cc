// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "http/session.h"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr Millis kAcceptRetry{100};  // when the process is out of descriptors

class BeastServer final : public Server {
 public:
  BeastServer(const ServerOptions& options, Api& api, Logger& log)
      : options_(options),
        log_(log),
        hub_{.options = options_, .api = api, .return_path = {}, .open = {}} {
    hub_.return_path = std::make_shared<ReturnPath>(io_);
  }

  ~BeastServer() override { Stop(); }

  Status Listen() {
    error_code failure;
    const auto address = asio::ip::make_address(options_.listen.host, failure);
    if (failure) return Failed("is not an address", failure);
    const tcp::endpoint endpoint(address, options_.listen.port);
    acceptor_.open(endpoint.protocol(), failure);
    if (!failure) acceptor_.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure) acceptor_.bind(endpoint, failure);
    if (!failure) acceptor_.listen(tcp::acceptor::max_listen_connections, failure);
    if (failure) return Failed("cannot be listened on", failure);
    endpoint_ = {options_.listen.host, acceptor_.local_endpoint().port()};
    if (!address.is_loopback()) {
      log_.Warn("HTTP is open to other machines and asks nobody who they are",
                {{"listen", ToString(endpoint_)}});
    }
    return {};
  }

  void Run() {
    Accept();
    thread_ = std::thread([this] { io_.run(); });
  }

  const Endpoint& endpoint() const override { return endpoint_; }

  void Stop() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { CloseAll(); });
    thread_.join();
    hub_.return_path->Close();
  }

 private:
  Status Failed(const std::string& what, const error_code& failure) const {
    return Fatal("HTTP: " + ToString(options_.listen) + " " + what + ": " + failure.message() +
                 "; set host.http.listen to a free address and port of this machine");
  }

  void Accept() {
    acceptor_.async_accept([this](const error_code& failure, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (failure) return AcceptLater(failure);
      if (hub_.open.size() < options_.limits.connections_max) {
        Serve(std::move(socket), hub_);
      } else {
        Refuse(std::move(socket));
      }
      Accept();
    });
  }

  void AcceptLater(const error_code& failure) {
    if (failure == asio::error::connection_aborted) return Accept();
    log_.Warn("HTTP cannot take a connection, trying again", {{"cause", failure.message()}});
    accept_timer_.expires_after(kAcceptRetry);
    accept_timer_.async_wait([this](const error_code& cancelled) {
      if (!cancelled && acceptor_.is_open()) Accept();
    });
  }

  void CloseAll() {
    error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    for (const auto& [id, close] : hub_.open) close();
  }

  const ServerOptions options_;
  Logger& log_;
  SessionHub hub_;  // before io_: connections left in io_ take themselves off it
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer accept_timer_{io_};
  Endpoint endpoint_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Api& api, Logger& log) {
  auto server = std::make_unique<BeastServer>(options, api, log);
  if (const Status status = server->Listen(); !status) return status.error();
  server->Run();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace millrace::http
