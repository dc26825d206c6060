// SPDX-License-Identifier: Apache-2.0
#include "redis/session.h"

#include <algorithm>

namespace millrace::redis {

Session::Action Session::Poll(SteadyTime now) {
  const bool connecting = state_ == State::kConnecting || state_ == State::kHandshake;
  if (connecting && now >= connect_until_) {
    Drop("no answer within " + std::to_string(times_.connect_timeout.count()) + " ms of connecting",
         now);
  }
  if (state_ == State::kReady && !sent_at_.empty() &&
      now >= std::max(sent_at_.front(), answered_at_) + times_.command_timeout) {
    Drop("no answer for " + std::to_string(times_.command_timeout.count()) + " ms", now);
  }
  if (close_wanted_) {
    close_wanted_ = false;
    return Action::kClose;
  }
  if (state_ != State::kDown || now < retry_at_) return Action::kNone;
  state_ = State::kConnecting;
  connect_until_ = now + times_.connect_timeout;
  return Action::kConnect;
}

void Session::OnConnected(SteadyTime) {
  state_ = State::kHandshake;
  scratch_.Clear();
  handshake_left_ = handshake_.Begin(&out_);
}

void Session::OnBytes(std::string_view bytes, SteadyTime now) {
  if (state_ != State::kHandshake && state_ != State::kReady) return;
  parser_.Feed(bytes);
  while (TakeReply(now)) {
  }
}

bool Session::TakeReply(SteadyTime now) {
  const bool owed = handshake_left_ > 0 || !sent_at_.empty();
  if (!owed) {
    if (parser_.has_unparsed()) Drop("a reply that nobody asked for", now);
    return false;
  }
  Arena* const arena = handshake_left_ > 0 ? &scratch_ : sink_->ArenaForNext();
  const Result<Reply> reply = parser_.Next(arena);
  if (!reply) {
    Drop(reply.error().message, now);
    return false;
  }
  if (reply->empty()) return false;
  if (handshake_left_ > 0) return TakeHandshake(*reply, now);
  if (const Status taken = sink_->OnReply(*reply); !taken) {
    Drop(taken.error().message, now);
    return false;
  }
  answered_at_ = now;
  sent_at_.pop_front();
  return true;
}

bool Session::TakeHandshake(Reply reply, SteadyTime now) {
  if (const Status taken = handshake_.OnReply(reply); !taken) {
    Drop(taken.error().message, now);
    return false;
  }
  if (--handshake_left_ > 0) return true;
  if (const auto& refusal = handshake_.refusal()) {
    backoff_ = times_.backoff_max;
    Drop(refusal->message, now);
    return false;
  }
  state_ = State::kReady;
  backoff_ = Millis(0);
  ++connection_number_;
  last_error_.clear();
  return true;
}

void Session::OnClosed(const std::string& why, SteadyTime now) {
  if (state_ == State::kDown) return;
  Drop(why, now);
  close_wanted_ = false;
}

void Session::Drop(const std::string& why, SteadyTime now) {
  state_ = State::kDown;
  close_wanted_ = true;
  backoff_ = std::clamp(backoff_ * 2, times_.backoff_min, times_.backoff_max);
  retry_at_ = now + backoff_;
  handshake_left_ = 0;
  sent_at_.clear();
  out_.Clear();
  parser_.Reset();
  last_error_ = why.find(where_) == std::string::npos ? where_ + ": " + why : why;
  sink_->OnLost(last_error_);
}

std::vector<std::string> Session::Warnings() const {
  if (connection_number_ == 0) return {};
  return handshake_.Warnings();
}

}  // namespace millrace::redis
