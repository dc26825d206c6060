// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/slice.h"
#include "commit/aside.h"
#include "commit/outbox.h"
#include "commit/redo.h"
#include "model/aside.h"
#include "model/crash.h"
#include "model/state_versions.h"
#include "model/task.h"

namespace millrace::commit {

// Ownership token: 32 hex digits of 128 random bits, new with every acquire.
using Epoch = std::string;

struct AcquireRequest {
  int32_t partition = 0;
  Epoch epoch;        // the new one
  std::string owner;  // transactional id of this owner: mr.<namespace>.<function>.<host>.<lane>
  std::string group;  // consumer group; another group's state is refused
  int partition_count = 0;      // of every input topic; a changed count is refused
  StateVersions versions = {};  // of the library; state that it cannot read is refused
  // A death to be charged to its event in the same step (CountCrash). May be told again.
  std::optional<CrashMark> crash = {};
};

// What an acquire found, read and replaced in one atomic step.
struct Acquired {
  uint64_t seq = 0;          // of the last unit applied; 0 = none yet
  Offsets applied;           // topics that have one
  std::string former_owner;  // empty: never owned
  // Outputs of applied units up to this seq were published when the last unit was applied, and are
  // no longer in the outbox. 0 = none.
  uint64_t published_seq = 0;
  std::vector<Publication> outbox = {};  // by seq
  std::vector<RedoEntry> redo = {};      // by seq; commit/redo.h says what it means for the cells
  std::vector<SeenOutput> seen = {};     // by topic and source
  std::vector<TopicCrash> crashes = {};  // by topic, with what this acquire has counted
  std::vector<AsideName> aside = {};     // in order; none if there are more than kAsideListedMax
  uint64_t aside_count = 0;              // all of them
};

struct AcquireReply {
  int32_t partition = 0;
  Epoch epoch;                           // of the request
  Result<Acquired> result = Acquired{};  // kFatal: refused, with both values in the message
};

// One write of a unit to the store's own cells. Absolute values only, at most one per cell of state
// in a unit, but for an kEraseMap, which comes before the kPutFields of the same map.
struct WriteOp {
  enum class Kind : uint8_t { kPutValue, kEraseValue, kPutField, kEraseField, kEraseMap };
  Kind kind = Kind::kPutValue;
  uint32_t state = 0;  // index of the function's state declaration
  Slice key;
  Slice field;
  Slice value;
};

struct CommitRequest {
  int32_t partition = 0;
  const Epoch* epoch = nullptr;
  uint64_t expected_seq = 0;  // what the store has now: the predecessor's, or less after a rollback
  uint64_t seq = 0;           // of this unit
  std::span<const TopicOffset> applied = {};
  std::span<const WriteOp> writes = {};
  const Publication* publication = nullptr;     // appended to the outbox; null: no outputs
  uint64_t published_seq = 0;                   // acknowledged by the broker
  std::span<const uint64_t> trimmed = {};       // outbox entries up to it, which are dropped
  std::span<const SeenOutput> seen = {};        // what the unit's events were, where that is kept
  std::string_view redo = {};                   // the unit's entry; empty: none
  std::span<const uint64_t> redo_trimmed = {};  // entries whose writes are all in the cells now
  std::span<const AsideEntry> aside = {};       // records that the unit passes over
};

enum class CommitResult {
  kApplied,
  kFenced,       // another owner has acquired the task since
  kDiverged,     // the stored seq is not the predecessor's: a lost reply or a rollback
  kUnavailable,  // no answer: whether it was applied is unknown
  kRejected,     // the store refuses the write (out of memory, wrong type): `detail` says why
};

struct CommitReply {
  int32_t partition = 0;
  Epoch epoch;  // of the request: a reply to a former ownership is recognised by it
  uint64_t seq = 0;
  CommitResult result = CommitResult::kApplied;
  std::string detail;  // empty when applied
};

// Where state, `applied`, `seq` and epoch of a function's tasks are kept, in one atomic step each.
// Pipelined: requests are executed in order, replies come in that order. A lost connection answers
// everything outstanding with kUnavailable (acquire: a retriable error). One lane, its thread.
class CommitStore {
 public:
  virtual ~CommitStore() = default;
  virtual void StartAcquire(const AcquireRequest& request) = 0;  // never blocks
  virtual bool PollAcquire(AcquireReply* reply) = 0;
  // Copies what it needs; never blocks. Checks epoch, then seq, then applies all or nothing.
  virtual void StartCommit(const CommitRequest& request) = 0;
  virtual bool PollCommit(CommitReply* reply) = 0;
  // Grows with every connection; 0 = none yet. Another store may answer on a new one, so what was
  // acquired before must be acquired again.
  virtual uint64_t connection_number() const = 0;
};

}  // namespace millrace::commit
