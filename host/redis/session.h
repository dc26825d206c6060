// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/clock.h"
#include "redis/handshake.h"
#include "redis/out_buffer.h"
#include "redis/reply_parser.h"

namespace millrace::redis {

struct SessionTimes {
  Millis connect_timeout{5000};  // until the handshake is answered
  Millis command_timeout{5000};  // without any answer while one is owed
  Millis backoff_min{100};
  Millis backoff_max{2000};
};

// Who gets the replies. Commands have no identity: the n-th reply belongs to the n-th command.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // Where the bytes of the oldest unanswered command's reply go.
  virtual Arena* ArenaForNext() = 0;
  // The oldest unanswered command's reply. A failure means: this connection serves no longer; the
  // command counts as unanswered then.
  virtual Status OnReply(Reply reply) = 0;
  // Every unanswered command is lost; whether Redis executed it is unknown.
  virtual void OnLost(const std::string& why) = 0;
};

// One connection's protocol as a state machine: when to connect, what to say first, which reply
// belongs to whom, when to give up and try again, for ever. It owns no socket, clock or thread: its
// owner tells it what happened and does what Poll says. The scripts are loaded on every connection
// before anything else, so a script that is missing later (SCRIPT FLUSH, a failover) is a lost
// connection like any other: nothing behind it in the pipeline is taken as answered.
class Session {
 public:
  enum class State { kDown, kConnecting, kHandshake, kReady };
  enum class Action { kNone, kConnect, kClose };

  Session(RedisUrl url, SessionTimes times, ReplySink* sink)
      : where_(url.Printable()), handshake_(std::move(url)), times_(times), sink_(sink) {}

  // What the owner must do now. kConnect: begin, then call OnConnected or OnClosed. kClose: close
  // the socket; the session is down already.
  Action Poll(SteadyTime now);
  void OnConnected(SteadyTime now);
  void OnBytes(std::string_view bytes, SteadyTime now);
  void OnClosed(const std::string& why, SteadyTime now);

  // Where to append one command (only when ready); CountCommand follows each.
  OutBuffer* out() { return &out_; }
  void CountCommand(SteadyTime now) { sent_at_.push_back(now); }

  // The owner did not read for a while: the time-out of what is unanswered begins anew.
  void OwnerWasBusy(SteadyTime now) { answered_at_ = now; }

  bool ready() const { return state_ == State::kReady; }
  State state() const { return state_; }
  size_t unanswered() const { return sent_at_.size(); }
  // Grows with every connection that got ready; 0 = none yet.
  uint64_t connection_number() const { return connection_number_; }
  const ScriptNames& script_names() const { return handshake_.script_names(); }
  const std::optional<Error>& refusal() const { return handshake_.refusal(); }
  std::vector<std::string> Warnings() const;
  // Why there is no connection; empty when there is one.
  const std::string& last_error() const { return last_error_; }

 private:
  bool TakeReply(SteadyTime now);  // false: no further reply can be taken
  bool TakeHandshake(Reply reply, SteadyTime now);
  void Drop(const std::string& why, SteadyTime now);

  std::string where_;
  Handshake handshake_;
  SessionTimes times_;
  ReplySink* sink_;
  State state_ = State::kDown;
  bool close_wanted_ = false;
  SteadyTime retry_at_{};       // kDown
  SteadyTime connect_until_{};  // kConnecting, kHandshake
  SteadyTime answered_at_{};    // the newest answer
  Millis backoff_{0};
  size_t handshake_left_ = 0;
  std::deque<SteadyTime> sent_at_;  // of the unanswered commands
  uint64_t connection_number_ = 0;
  std::string last_error_ = "not connected yet";
  OutBuffer out_;
  ReplyParser parser_;
  Arena scratch_;  // replies of the handshake
};

}  // namespace millrace::redis
