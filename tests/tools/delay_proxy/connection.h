// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

namespace millrace::tools {

inline constexpr std::size_t kChunkBytes = 64 * 1024;
// Replies on their way per connection; above either the server is read no further.
inline constexpr std::size_t kDelayedBytesMax = 64 * 1024 * 1024;
inline constexpr std::size_t kDelayedChunksMax = 100'000;

enum class Replies { kPass, kSwallow };

// What all connections obey; changed by commands while they run.
struct Behaviour {
  std::chrono::milliseconds delay{0};
  Replies replies = Replies::kPass;
};

// One client and the server behind it. Bytes to the server pass at once; every chunk from the
// server reaches the client `delay` after it came in, all chunks in parallel, in order.
// Keeps itself alive through its pending operations and ends when both sides have ended, one
// fails, or Close() is called. Runs on the io_context's one thread; `behaviour` outlives it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  Connection(Socket client, const Behaviour& behaviour);

  // Connects to the server; if that fails, the client is closed.
  void Start(const Endpoint& server);
  // Closes both sides at once. What was on its way is lost.
  void Close();
  // Forgets the replies that have not been handed to the client's socket.
  void SwallowDelayed();

 private:
  using Clock = std::chrono::steady_clock;
  struct Chunk {
    Clock::time_point due;
    std::vector<char> bytes;
  };

  void ReadClient();
  void WriteServer(std::size_t size);
  void ReadServer();
  void TakeReply(std::size_t size);
  void DeliverDue();
  void WriteClient();
  void EndServerSide();
  void EndClientSide();
  void FinishWrite(std::size_t size);
  bool HasRoom() const;

  Socket client_;
  Socket server_;
  boost::asio::steady_timer timer_;
  const Behaviour& behaviour_;
  std::array<char, kChunkBytes> request_;
  std::array<char, kChunkBytes> reply_;
  std::deque<Chunk> delayed_;
  std::vector<std::vector<char>> in_write_;
  std::size_t delayed_bytes_ = 0;
  bool is_writing_ = false;
  bool is_timer_set_ = false;
  bool is_server_read_paused_ = false;
  bool has_client_ended_ = false;
  bool has_server_ended_ = false;
};

}  // namespace millrace::tools
