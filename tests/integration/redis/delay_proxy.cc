// SPDX-License-Identifier: Apache-2.0
#include "integration/redis/delay_proxy.h"

#include <array>
#include <boost/asio.hpp>
#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace millrace::redis {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

// One direction of a connection: read, wait, write, in order.
class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to, Millis delay)
      : from_(std::move(from)), to_(std::move(to)), delay_(delay), timer_(from_->get_executor()) {}

  void Read() {
    from_->async_read_some(
        asio::buffer(bytes_), [self = shared_from_this()](error_code failed, size_t size) {
          if (failed) return self->Close();
          self->waiting_.push_back({std::chrono::steady_clock::now() + self->delay_,
                                    std::string(self->bytes_.data(), size)});
          if (!self->writing_) self->Write();
          self->Read();
        });
  }

  void Close() {
    error_code ignored;
    from_->close(ignored);
    to_->close(ignored);
  }

 private:
  struct Chunk {
    SteadyTime due;
    std::string bytes;
  };

  void Write() {
    if (waiting_.empty()) {
      writing_ = false;
      return;
    }
    writing_ = true;
    timer_.expires_at(waiting_.front().due);
    timer_.async_wait([self = shared_from_this()](error_code) {
      asio::async_write(*self->to_, asio::buffer(self->waiting_.front().bytes),
                        [self](error_code failed, size_t) {
                          if (failed) return self->Close();
                          self->waiting_.pop_front();
                          self->Write();
                        });
    });
  }

  std::shared_ptr<tcp::socket> from_;
  std::shared_ptr<tcp::socket> to_;
  Millis delay_;
  asio::steady_timer timer_;
  std::array<char, 65536> bytes_;
  std::deque<Chunk> waiting_;
  bool writing_ = false;
};

}  // namespace

class DelayProxy::Impl {
 public:
  Impl(int port, Millis delay)
      : target_(asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(port)),
        delay_(delay),
        acceptor_(io_, {target_.address(), 0}) {
    Accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Impl() {
    io_.stop();
    thread_.join();
  }
  void DropAnswers() {
    asio::post(io_, [this] {
      for (const auto& answers : answers_) answers->Close();
      answers_.clear();
    });
  }
  int port() const { return acceptor_.local_endpoint().port(); }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code failed, tcp::socket socket) {
      if (failed) return;
      auto client = std::make_shared<tcp::socket>(std::move(socket));
      auto server = std::make_shared<tcp::socket>(io_);
      server->connect(target_, failed);
      client->set_option(tcp::no_delay(true), failed);
      server->set_option(tcp::no_delay(true), failed);
      std::make_shared<Pipe>(client, server, Millis(0))->Read();
      answers_.push_back(std::make_shared<Pipe>(server, client, delay_));
      answers_.back()->Read();
      Accept();
    });
  }

  asio::io_context io_;
  tcp::endpoint target_;
  Millis delay_;
  tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Pipe>> answers_;  // of every connection so far
  std::thread thread_;
};

DelayProxy::DelayProxy(int port, Millis delay) : impl_(std::make_unique<Impl>(port, delay)) {}
DelayProxy::~DelayProxy() = default;
int DelayProxy::port() const { return impl_->port(); }
void DelayProxy::DropAnswers() { impl_->DropAnswers(); }

}  // namespace millrace::redis
