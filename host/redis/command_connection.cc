// SPDX-License-Identifier: Apache-2.0
#include "redis/command_connection.h"

#include <utility>

namespace millrace::redis {
namespace {

constexpr Millis kTick{20};  // how exact time-outs are
constexpr size_t kReadBytes = 64 * 1024;

}  // namespace

CommandConnection::CommandConnection(RedisUrl url, const std::string& ca_file, SessionTimes times,
                                     const Clock* clock)
    : clock_(clock),
      socket_(&io_, {.host = url.host, .port = url.port, .tls = url.tls, .ca_file = ca_file},
              {.connected =
                   [this] {
                     session_.OnConnected(clock_->Now());
                     Flush();
                     socket_.AwaitReadable();
                   },
               .failed = [this](const std::string& why) { Close(why); },
               .readable = [this] { Read(); },
               .writable = [this] { Flush(); }}),
      session_(std::move(url), times, this),
      read_buffer_(new char[kReadBytes]) {}

CommandConnection::~CommandConnection() = default;

Result<std::unique_ptr<CommandConnection>> CommandConnection::Open(RedisUrl url,
                                                                   const std::string& ca_file,
                                                                   SessionTimes times,
                                                                   const Clock* clock) {
  std::unique_ptr<CommandConnection> connection(
      new CommandConnection(std::move(url), ca_file, times, clock));
  while (!connection->session_.ready() && !connection->lost_) connection->Serve();
  if (const auto& refusal = connection->session_.refusal()) return *refusal;
  if (connection->lost_) return Retriable(*connection->lost_);
  return connection;
}

Result<std::span<const CommandConnection::Answer>> CommandConnection::Call(
    std::span<const Command> commands) {
  answers_.clear();
  arena_.Clear();
  for (const Command& command : commands) {
    if (lost_) break;
    CommandWriter writer(session_.out());
    writer.Begin(command.size());
    for (const std::string& word : command) writer.Arg(word);
    session_.CountCommand(clock_->Now());
  }
  if (!lost_) Flush();
  while (!lost_ && answers_.size() < commands.size()) Serve();
  if (lost_) return Retriable(*lost_);
  for (const Answer& answer : answers_) {
    if (answer[0].type != ReplyNode::Type::kError) continue;
    return Fatal("Redis says " + std::string(answer[0].text.view()));
  }
  return std::span<const Answer>(answers_);
}

void CommandConnection::Serve() {
  switch (session_.Poll(clock_->Now())) {
    case Session::Action::kConnect:
      socket_.Connect();
      break;
    case Session::Action::kClose:
      socket_.Close();
      return;
    case Session::Action::kNone:
      break;
  }
  io_.restart();
  io_.run_one_for(kTick);
}

void CommandConnection::Flush() {
  const Status sent = socket_.Send(session_.out());
  if (!sent) Close(sent.error().message);
}

void CommandConnection::Read() {
  for (;;) {
    const Result<size_t> read = socket_.Read({read_buffer_.get(), kReadBytes});
    if (!read) return Close(read.error().message);
    if (*read == 0) break;
    session_.OnBytes({read_buffer_.get(), *read}, clock_->Now());
    if (lost_) return socket_.Close();
  }
  socket_.AwaitReadable();
  Flush();
}

void CommandConnection::Close(const std::string& why) {
  session_.OnClosed(why, clock_->Now());
  socket_.Close();
}

Status CommandConnection::OnReply(Reply reply) {
  answers_.emplace_back(reply.begin(), reply.end());
  return {};
}

}  // namespace millrace::redis
