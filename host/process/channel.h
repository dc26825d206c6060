// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace millrace::process {

// One end of a connection between two processes that carries whole messages in order, each four
// bytes of size (little endian) and its text. Never blocks. One thread.
class Channel {
 public:
  static constexpr size_t kMessageBytesMax = 64 * 1024 * 1024;

  // Two ends that are connected to each other. kRetriable: no descriptor is left.
  static Result<std::pair<UniqueFd, UniqueFd>> Connect();

  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  // What waits to be sent; Step is due when the descriptor is writable.
  size_t unsent_bytes() const { return out_.size() - sent_; }

  // Queues a message and sends what can be sent at once.
  void Send(const std::string& message);

  // Sends and receives what is possible. False, from then on: the other side has closed, or has
  // sent what is no message. What came before can still be taken.
  bool Step();

  // The next message that has come in whole.
  std::optional<std::string> Take();

 private:
  bool Write();
  bool Read();

  UniqueFd socket_;
  std::string out_;
  size_t sent_ = 0;  // of out_
  std::string in_;
  size_t taken_ = 0;  // of in_
  bool broken_ = false;
};

}  // namespace millrace::process
