// SPDX-License-Identifier: Apache-2.0
// delay_proxy: a TCP proxy on loopback that delays, swallows and drops; tests/tools/README.md.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/streambuf.hpp>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

#include "proxy.h"

namespace millrace::tools {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr std::size_t kLineBytesMax = 256;
constexpr std::uint32_t kDelayMsMax = 60'000;

struct Options {
  std::string to;
  std::uint32_t delay_ms = 0;
  std::uint16_t port = 0;
};

// Reads commands and answers each with one line, so that the writer knows when it is in force.
class CommandReader {
 public:
  CommandReader(asio::io_context& io, Proxy& proxy)
      : io_(io), proxy_(proxy), input_(io, ::dup(STDIN_FILENO)), buffer_(kLineBytesMax) {}

  void Read() {
    asio::async_read_until(input_, buffer_, '\n', [this](error_code error, std::size_t) {
      if (error) return io_.stop();
      std::istream lines(&buffer_);
      std::string line;
      std::getline(lines, line);
      if (Obey(proxy_, line)) {
        std::cout << "OK " << line << std::endl;
      } else {
        std::cout << "ERROR unknown command; say drop, hole, pass or delay MS" << std::endl;
      }
      Read();
    });
  }

 private:
  asio::io_context& io_;
  Proxy& proxy_;
  asio::posix::stream_descriptor input_;
  asio::streambuf buffer_;
};

void HandleSignals(asio::io_context& io, asio::signal_set& signals, Proxy& proxy) {
  signals.async_wait([&](error_code error, int number) {
    if (error) return;
    if (number == SIGTERM || number == SIGINT) return io.stop();
    if (number == SIGUSR1) proxy.Drop();
    if (number == SIGUSR2) proxy.Hole();
    if (number == SIGHUP) proxy.Pass();
    HandleSignals(io, signals, proxy);
  });
}

Connection::Endpoint Resolve(asio::io_context& io, const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) {
    throw std::invalid_argument("--to is '" + address + "'; it must be HOST:PORT");
  }
  asio::ip::tcp::resolver resolver(io);
  return *resolver.resolve(address.substr(0, colon), address.substr(colon + 1)).begin();
}

// Whoever holds the other end of a pipe ends the proxy by closing it, also by dying.
bool IsStdinHeldBySomeone() {
  struct stat status;
  return ::fstat(STDIN_FILENO, &status) == 0 &&
         (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || ::isatty(STDIN_FILENO) == 1);
}

void Run(const Options& options) {
  asio::io_context io(1);
  Proxy proxy(io, Resolve(io, options.to), options.port,
              std::chrono::milliseconds(options.delay_ms));
  asio::signal_set signals(io, SIGTERM, SIGINT, SIGUSR1);
  signals.add(SIGUSR2);
  signals.add(SIGHUP);
  HandleSignals(io, signals, proxy);
  CommandReader commands(io, proxy);
  if (IsStdinHeldBySomeone()) commands.Read();
  proxy.Start();
  std::cout << "PORT=" << proxy.port() << std::endl;
  io.run();
}

}  // namespace
}  // namespace millrace::tools

int main(int argc, char** argv) {
  CLI::App app("TCP proxy on loopback that adds latency to what the server sends");
  millrace::tools::Options options;
  app.add_option("--to", options.to, "the server, HOST:PORT")->required();
  app.add_option("--delay-ms", options.delay_ms, "added to every reply")
      ->check(CLI::Range(0U, millrace::tools::kDelayMsMax));
  app.add_option("--port", options.port, "where to listen (0: any free port)");
  try {
    app.parse(argc, argv);
    millrace::tools::Run(options);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : millrace::tools::kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << "delay_proxy: " << error.what() << "\n";
    return millrace::tools::kExitFailure;
  }
}
