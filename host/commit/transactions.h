// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "commit/outbox.h"
#include "model/task.h"

namespace millrace::commit {

// What one transaction makes visible, all or nothing.
struct TransactionRequest {
  uint64_t number = 0;  // names the reply
  // In the order in which they are written; of a task, in the order of seq.
  std::vector<PublicationPtr> publications;
  // For every input partition of every task in it: where it has come, with its note as metadata.
  std::vector<PartitionOffset> offsets;
  std::string group_metadata;  // as it was at the tasks' assignment; opaque
};

enum class TransactionResult {
  kCommitted,
  // Nothing of it was written, and the transaction has ended. The group may have moved on: what is
  // still owned may be published again.
  kAborted,
  // It has ended, with an outcome that is not known: the published offsets must be read again.
  kUnknown,
  // Another producer took over this transactional id, or the group has expelled the member:
  // nothing that the lane holds may be published any more.
  kFenced,
  // An output that its topic refuses for good: nothing of the transaction was written.
  kRefused,
};

struct TransactionReply {
  uint64_t number = 0;
  TransactionResult result = TransactionResult::kCommitted;
  std::string detail;              // empty when committed
  std::string refused_topic;       // of kRefused
  size_t refused_publication = 0;  // of kRefused: index into the request's publications
};

struct FenceReply {
  std::string owner;
  uint64_t request = 0;
  bool done = false;   // false: it cannot be done at the moment
  std::string detail;  // empty when done
};

// A lane's transactional producer, under the transactional id of the lane. One transaction at a
// time. Its blocking calls happen elsewhere: every method returns at once, answers are polled.
// Before the first transaction whatever a former process left open under the same id has ended.
// One object per lane, used on its thread.
class Transactions {
 public:
  virtual ~Transactions() = default;
  // Ends what another owner's transactional id has open, so that its offsets become stable and
  // nothing of it is written later. A live owner of that id is fenced by it, so it may not be the
  // lane's own.
  virtual void StartFence(const std::string& owner, uint64_t request) = 0;
  virtual bool PollFence(FenceReply* reply) = 0;
  virtual void StartTransaction(TransactionRequest request) = 0;  // none may be under way
  virtual bool PollTransaction(TransactionReply* reply) = 0;
};

}  // namespace millrace::commit
