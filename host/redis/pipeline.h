// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "commit/commit_store.h"
#include "redis/commit_codec.h"
#include "redis/read_codec.h"
#include "redis/session.h"
#include "redis/task_keys.h"
#include "state/state_reader.h"

namespace millrace::redis {

// Commands that wait for an answer, and bytes that wait to be sent, at most. A request above is
// answered at once as if there were no connection.
inline constexpr size_t kUnansweredMax = 64 * 1024;
inline constexpr size_t kUnsentBytesMax = 256 * 1024 * 1024;

// The requests of both ports as one stream of commands over a Session, and the replies handed back
// to the request that each belongs to. Every request is answered exactly once. No socket.
class Pipeline final : public ReplySink {
 public:
  Pipeline(RedisUrl url, SessionTimes times, KeySpace keys, state::ReadView view)
      : keys_(std::move(keys)), session_(std::move(url), times, this), view_(view) {}

  Session& session() { return session_; }
  const Session& session() const { return session_; }
  KeySpace& keys() { return keys_; }

  state::ReadId StartRead(int32_t partition, std::span<const state::ReadItem> items,
                          SteadyTime now);
  bool PollRead(state::ReadReply* reply);
  void StartAcquire(const commit::AcquireRequest& request, SteadyTime now);
  bool PollAcquire(commit::AcquireReply* reply);
  void StartCommit(const commit::CommitRequest& request, SteadyTime now);
  bool PollCommit(commit::CommitReply* reply);

  // For callers that wait: the job stays theirs and must live until it is done.
  std::unique_ptr<ReadJob> StartJob(int32_t partition, std::span<const state::ReadItem> items,
                                    SteadyTime now);
  // Asks for the next page of a map; `job` must be done.
  void ContinueMap(int32_t partition, uint32_t state, Slice key, ReadJob* job, SteadyTime now);

  Arena* ArenaForNext() override;
  Status OnReply(Reply reply) override;
  void OnLost(const std::string& why) override;

  bool has_finished() const;

 private:
  enum class Kind : uint8_t { kRead, kAcquire, kCommit };

  const std::string* Obstacle();  // why nothing can be sent now; null: nothing is in the way
  void Count(Kind kind, SteadyTime now);
  void SendRead(int32_t partition, std::span<const state::ReadItem> items, ReadJob* job,
                SteadyTime now);
  void OnReadReply(Reply reply);
  void OnAcquireReply(Reply reply);
  void OnCommitReply(Reply reply);

  KeySpace keys_;
  Session session_;
  state::ReadView view_;
  CommitEncoder commit_encoder_;
  ReadEncoder read_encoder_;
  state::ReadId last_read_ = 0;
  std::string too_much_;

  // Unanswered, oldest first: what each command was, and per kind the requests.
  std::deque<Kind> kinds_;
  std::deque<ReadJob*> waiting_reads_;  // the first has got replies to some of its commands
  std::deque<commit::AcquireRequest> waiting_acquires_;
  std::deque<commit::CommitReply> waiting_commits_;

  // Answered ones wait to be polled; reads are here from their start, to keep their order.
  std::deque<std::unique_ptr<ReadJob>> reads_;
  std::deque<commit::AcquireReply> acquires_;
  std::deque<commit::CommitReply> commits_;
  std::unique_ptr<ReadJob> spare_job_;  // kept for its memory
  Arena scratch_;                       // bytes of a reply that is a small value
};

}  // namespace millrace::redis
