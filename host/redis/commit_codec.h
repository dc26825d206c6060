// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commit/commit_store.h"
#include "redis/out_buffer.h"
#include "redis/reply_parser.h"
#include "redis/task_keys.h"

namespace millrace::redis {

// Acquire and commit as commands, and their replies as values. Pure: no socket, no time.
// `script` is the name that SCRIPT LOAD gave.
void EncodeAcquire(std::string_view script, const TaskKeys& keys,
                   const commit::AcquireRequest& request, OutBuffer* out);
// `what` names the state in messages. An error reply of Redis is retriable; what somebody else
// wrote into the task's keys is fatal. Each entry of outbox and redo is checked to its last byte.
Result<commit::Acquired> DecodeAcquire(const TaskKeys& keys, const commit::AcquireRequest& request,
                                       const std::string& what, Reply reply);

// Keeps its working memory from unit to unit.
class CommitEncoder {
 public:
  void Encode(std::string_view script, const TaskKeys& keys, const commit::CommitRequest& request,
              OutBuffer* out);

 private:
  // One step of the script: one HSET, HDEL or UNLINK of one key.
  struct Step {
    size_t first = 0;  // into order_
    size_t count = 0;
  };
  void MakeSteps(std::span<const commit::WriteOp> writes);
  const commit::WriteOp& FirstOf(const Step& step, const commit::CommitRequest& request) const;
  size_t CountArguments(const commit::CommitRequest& request) const;

  std::vector<uint32_t> order_;  // indexes of writes, step by step
  std::vector<Step> steps_;
};

struct CommitAnswer {
  commit::CommitResult result = commit::CommitResult::kApplied;
  std::string detail;
};
// Whether the reply says that the unit was applied.
bool IsApplied(Reply reply);
// What else it says. `what` names the state in messages.
CommitAnswer DecodeCommit(const std::string& what, Reply reply);

}  // namespace millrace::redis
