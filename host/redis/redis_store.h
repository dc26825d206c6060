// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commit/commit_store.h"
#include "redis/redis_url.h"
#include "redis/session.h"
#include "redis/task_keys.h"
#include "state/state_reader.h"

namespace millrace::redis {

struct RedisStoreOptions {
  RedisUrl url;
  std::string ca_file;  // for rediss://; empty: the system's certificates
  std::string name_space;
  std::string function;
  std::vector<state::StateDecl> states;
  state::ReadView view = state::ReadView::kOwner;
  SessionTimes times;
  // Called on the io_context when there is something new to poll, or the connection came or went.
  std::function<void()> on_progress;
};

// State and commits of one function's tasks in a Redis, over one connection: reads and commits of
// both ports are executed in the order they were started in, so a read that follows a commit sees
// it. Connects by itself, again and again, for ever. One lane, its thread, which runs `io`.
//
// Sending: Start* only writes into a buffer. It is sent by Flush, or by the io_context as soon as
// the present handler returns: one system call for all that a step of the lane started. A lane that
// steps outside of io_context handlers calls Flush after each step.
//
// While there is no connection every Start* is answered at once: reads and acquires with a
// retriable error, commits with kUnavailable. A lost connection answers everything outstanding so.
// Tasks must be acquired again when connection_number() has changed, because another Redis may
// answer now.
class RedisStore final : public state::StateReader, public commit::CommitStore {
 public:
  // Fails on names that cannot be part of a key. Begins to connect.
  static Result<std::unique_ptr<RedisStore>> Create(boost::asio::io_context* io, const Clock* clock,
                                                    RedisStoreOptions options);
  ~RedisStore() override;

  state::ReadId StartRead(int32_t partition, std::span<const state::ReadItem> items) override;
  bool PollRead(state::ReadReply* reply) override;
  state::ReadReply ReadNow(int32_t partition, std::span<const state::ReadItem> items) override;
  state::ReadReply ReadWholeMapNow(int32_t partition, uint32_t state, Slice key) override;

  void StartAcquire(const commit::AcquireRequest& request) override;
  bool PollAcquire(commit::AcquireReply* reply) override;
  void StartCommit(const commit::CommitRequest& request) override;
  bool PollCommit(commit::CommitReply* reply) override;

  bool connected() const;
  uint64_t connection_number() const override;  // grows with every connection; 0 = none yet
  const std::string& last_error() const;        // why it is not connected; empty when it is
  std::optional<Error> refusal() const;  // this Redis must not hold state; asked again and again
  std::vector<std::string> warnings() const;  // how durable it is; known after the first connection

  // Another generation of the library declares other states. Requests made before keep the old.
  Status SetStates(std::vector<state::StateDecl> states);
  void Flush();

 private:
  class Impl;
  explicit RedisStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::redis
