// SPDX-License-Identifier: Apache-2.0
#include "proxy.h"

#include <boost/asio/ip/address_v4.hpp>
#include <charconv>
#include <utility>

namespace millrace::tools {

using boost::system::error_code;

Proxy::Proxy(boost::asio::io_context& io, Connection::Endpoint server, std::uint16_t listen_port,
             std::chrono::milliseconds delay)
    : acceptor_(io, {boost::asio::ip::address_v4::loopback(), listen_port}),
      server_(std::move(server)),
      behaviour_{.delay = delay} {}

std::uint16_t Proxy::port() const { return acceptor_.local_endpoint().port(); }

void Proxy::Start() {
  acceptor_.async_accept([this](error_code error, Connection::Socket client) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      std::erase_if(connections_, [](const auto& known) { return known.expired(); });
      auto connection = std::make_shared<Connection>(std::move(client), behaviour_);
      connections_.push_back(connection);
      connection->Start(server_);
    }
    Start();
  });
}

template <typename Action>
void Proxy::ForEachLiving(Action action) {
  for (const auto& known : connections_) {
    if (auto connection = known.lock()) action(*connection);
  }
}

void Proxy::Drop() {
  ForEachLiving([](Connection& connection) { connection.Close(); });
}

void Proxy::Hole() {
  behaviour_.replies = Replies::kSwallow;
  ForEachLiving([](Connection& connection) { connection.SwallowDelayed(); });
}

void Proxy::Pass() { behaviour_.replies = Replies::kPass; }

void Proxy::SetDelay(std::chrono::milliseconds delay) { behaviour_.delay = delay; }

bool Obey(Proxy& proxy, std::string_view line) {
  constexpr std::string_view kDelay = "delay ";
  if (line.starts_with(kDelay)) {
    line.remove_prefix(kDelay.size());
    std::uint32_t delay_ms = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), delay_ms);
    if (error != std::errc{} || end != line.data() + line.size()) return false;
    proxy.SetDelay(std::chrono::milliseconds(delay_ms));
    return true;
  }
  if (line == "drop") return proxy.Drop(), true;
  if (line == "hole") return proxy.Hole(), true;
  if (line == "pass") return proxy.Pass(), true;
  return false;
}

}  // namespace millrace::tools
