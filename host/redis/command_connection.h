// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "redis/session.h"
#include "redis/socket.h"

namespace millrace::redis {

// A connection whose caller waits for every answer: for an operator's commands, never for lanes. It
// says what every connection of the host says first, so a Redis that must not hold state is refused
// here, too. A connection that is lost stays lost: what was outstanding may have been done. One
// thread.
class CommandConnection final : private ReplySink {
 public:
  using Command = std::vector<std::string>;
  using Answer = std::vector<ReplyNode>;  // as a Reply; its texts are valid until the next Call

  // Waits until commands can be sent. kRetriable: Redis is not reachable; kFatal: it must not hold
  // state.
  static Result<std::unique_ptr<CommandConnection>> Open(RedisUrl url, const std::string& ca_file,
                                                         SessionTimes times, const Clock* clock);
  ~CommandConnection() override;
  CommandConnection(const CommandConnection&) = delete;
  CommandConnection& operator=(const CommandConnection&) = delete;

  // Sends all of them at once; the answers in their order. kFatal: Redis answers one with an error,
  // all were sent. Blocks for the command time-out of the session at most without any answer.
  Result<std::span<const Answer>> Call(std::span<const Command> commands);

 private:
  CommandConnection(RedisUrl url, const std::string& ca_file, SessionTimes times,
                    const Clock* clock);

  void Serve();  // until something happened, or a moment later
  void Flush();
  void Read();
  void Close(const std::string& why);
  Arena* ArenaForNext() override { return &arena_; }
  Status OnReply(Reply reply) override;
  void OnLost(const std::string& why) override { lost_ = why; }

  const Clock* clock_;
  boost::asio::io_context io_;
  Socket socket_;
  Session session_;
  std::unique_ptr<char[]> read_buffer_;
  Arena arena_;
  std::vector<Answer> answers_;
  std::optional<std::string> lost_;
};

}  // namespace millrace::redis
