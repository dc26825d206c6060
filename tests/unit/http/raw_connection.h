// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace millrace::http {

// A client that sends what it is told, well-formed or not. A read waits 10 s at most.
class RawConnection {
 public:
  explicit RawConnection(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection() { close(socket_); }

  // The server may have closed already; that is for the reads to find out.
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }

  // Everything until the server closes; fails the test if it does not.
  std::string ReadAll() {
    std::string all;
    for (;;) {
      char buffer[4096];
      const ssize_t bytes = recv(socket_, buffer, sizeof buffer, 0);
      if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        ADD_FAILURE() << "the server did not close; so far: " << all;
      }
      if (bytes <= 0) return all;
      all.append(buffer, static_cast<size_t>(bytes));
    }
  }

  // Up to and with the first `end`.
  std::string ReadUntil(std::string_view end) {
    std::string all;
    while (!all.ends_with(end)) {
      char c = 0;
      if (recv(socket_, &c, 1, 0) != 1) {
        ADD_FAILURE() << "closed or silent before '" << end << "'; so far: " << all;
        return all;
      }
      all += c;
    }
    return all;
  }

 private:
  int socket_;
};

}  // namespace millrace::http
