// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace millrace::tools {

namespace asio = boost::asio;
using boost::system::error_code;

Connection::Connection(Socket client, const Behaviour& behaviour)
    : client_(std::move(client)),
      server_(client_.get_executor()),
      timer_(client_.get_executor()),
      behaviour_(behaviour) {}

void Connection::Start(const Endpoint& server) {
  server_.async_connect(server, [self = shared_from_this()](error_code error) {
    if (error || !self->client_.is_open()) return self->Close();
    error_code ignored;
    self->client_.set_option(asio::ip::tcp::no_delay(true), ignored);
    self->server_.set_option(asio::ip::tcp::no_delay(true), ignored);
    self->ReadClient();
    self->ReadServer();
  });
}

void Connection::Close() {
  error_code ignored;
  client_.close(ignored);
  server_.close(ignored);
  timer_.cancel();
}

void Connection::SwallowDelayed() {
  for (const Chunk& chunk : delayed_) delayed_bytes_ -= chunk.bytes.size();
  delayed_.clear();
  DeliverDue();
}

void Connection::ReadClient() {
  client_.async_read_some(asio::buffer(request_),
                          [self = shared_from_this()](error_code error, std::size_t size) {
                            if (error == asio::error::eof) return self->EndClientSide();
                            if (error) return self->Close();
                            self->WriteServer(size);
                          });
}

void Connection::WriteServer(std::size_t size) {
  asio::async_write(server_, asio::buffer(request_, size),
                    [self = shared_from_this()](error_code error, std::size_t) {
                      if (error) return self->Close();
                      self->ReadClient();
                    });
}

void Connection::ReadServer() {
  server_.async_read_some(asio::buffer(reply_),
                          [self = shared_from_this()](error_code error, std::size_t size) {
                            if (error == asio::error::eof) return self->EndServerSide();
                            if (error) return self->Close();
                            self->TakeReply(size);
                          });
}

void Connection::TakeReply(std::size_t size) {
  if (behaviour_.replies == Replies::kPass) {
    delayed_bytes_ += size;
    delayed_.push_back({Clock::now() + behaviour_.delay, {reply_.data(), reply_.data() + size}});
    DeliverDue();
  }
  is_server_read_paused_ = !HasRoom();
  if (!is_server_read_paused_) ReadServer();
}

// Hands all chunks whose time has come to the client's socket, and sets the timer for the next.
void Connection::DeliverDue() {
  if (is_writing_ || is_timer_set_ || !client_.is_open()) return;
  const Clock::time_point now = Clock::now();
  while (!delayed_.empty() && delayed_.front().due <= now) {
    in_write_.push_back(std::move(delayed_.front().bytes));
    delayed_.pop_front();
  }
  if (!in_write_.empty()) return WriteClient();
  if (!delayed_.empty()) {
    is_timer_set_ = true;
    timer_.expires_at(delayed_.front().due);
    timer_.async_wait([self = shared_from_this()](error_code) {
      self->is_timer_set_ = false;
      self->DeliverDue();
    });
  } else if (has_server_ended_) {
    error_code ignored;
    client_.shutdown(Socket::shutdown_send, ignored);
    if (has_client_ended_) Close();
  }
}

void Connection::WriteClient() {
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(in_write_.size());
  for (const auto& bytes : in_write_) buffers.push_back(asio::buffer(bytes));
  is_writing_ = true;
  asio::async_write(client_, buffers,
                    [self = shared_from_this()](error_code error, std::size_t size) {
                      if (error) return self->Close();
                      self->FinishWrite(size);
                    });
}

void Connection::FinishWrite(std::size_t size) {
  is_writing_ = false;
  delayed_bytes_ -= size;
  in_write_.clear();
  DeliverDue();
  if (is_server_read_paused_ && HasRoom()) {
    is_server_read_paused_ = false;
    ReadServer();
  }
}

bool Connection::HasRoom() const {
  return delayed_bytes_ < kDelayedBytesMax && delayed_.size() < kDelayedChunksMax;
}

void Connection::EndServerSide() {
  has_server_ended_ = true;
  DeliverDue();
}

void Connection::EndClientSide() {
  has_client_ended_ = true;
  error_code ignored;
  server_.shutdown(Socket::shutdown_send, ignored);
  if (has_server_ended_) DeliverDue();
}

}  // namespace millrace::tools
