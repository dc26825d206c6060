// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/task.h"

namespace millrace::sim {

// What a simulated broker answers.
enum class Answer {
  kDone,
  kFenced,             // a newer producer has this transactional id
  kIllegalGeneration,  // the group has moved on
  kUnknownMember,      // the group has expelled the member
  kBusy,               // the end of a transaction is being carried out: ask again
};

struct OutputEntry {
  enum class Status { kPending, kCommitted, kAborted };
  std::string id;
  std::string value;
  Status status = Status::kCommitted;
};

struct CommittedOffset {
  int64_t offset = 0;
  std::string metadata;
};

// A producer's hold on its transactional id.
struct Producer {
  std::string id;
  uint64_t epoch = 0;
};

// A broker with one group and one output topic, as far as the protocol sees it: transactions are
// decided first and carried out later; offsets of an open or decided transaction are unstable; a
// transaction's offsets are accepted by group generation and member, not by partition.
class Broker {
 public:
  // --- Transactions.
  Answer Init(const std::string& id, uint64_t* epoch);
  Answer Produce(const Producer& producer, int32_t partition, OutputEntry entry, SteadyTime now);
  Answer SendOffsets(const Producer& producer, std::span<const PartitionOffset> offsets,
                     const std::string& group_metadata, SteadyTime now);
  Answer End(const Producer& producer, bool commit);
  // Carries out the end of one transaction that was decided; false: none waits.
  bool CompleteOne();
  // Aborts what has been open for longer than `age_max`, and fences its producer.
  void Expire(SteadyTime now, Millis age_max);
  bool settled() const;  // no transaction is open or waits to be carried out

  // --- The group.
  std::string Join();                      // a new member
  void Remove(const std::string& member);  // left or expelled
  void NewGeneration() { ++generation_; }
  std::string MetadataOf(const std::string& member) const {
    return member + ":" + std::to_string(generation_);
  }
  // Whether nobody else can have been given what was assigned with this metadata.
  bool Holds(const std::string& group_metadata) const {
    return CheckMember(group_metadata) == Answer::kDone;
  }
  // A plain commit by a member; false: refused.
  bool Commit(std::span<const PartitionOffset> offsets, const std::string& group_metadata);
  bool Stable(const TopicPartition& at) const;
  std::map<TopicPartition, CommittedOffset>& committed() { return committed_; }
  std::optional<CommittedOffset> Committed(const TopicPartition& at) const;

  // --- The output topic.
  void Write(int32_t partition, OutputEntry entry) { outputs_[partition].push_back(entry); }
  const std::map<int32_t, std::vector<OutputEntry>>& outputs() const { return outputs_; }

 private:
  struct Transaction {
    enum class State { kNone, kOpen, kCommitDecided, kAbortDecided, kCommitted, kAborted };
    uint64_t epoch = 0;
    State state = State::kNone;
    SteadyTime opened;
    std::vector<std::pair<int32_t, size_t>> entries;  // of outputs_
    std::map<TopicPartition, CommittedOffset> offsets;
  };

  Answer Open(const Producer& producer, SteadyTime now, Transaction** transaction);
  Answer CheckMember(const std::string& group_metadata) const;
  void Complete(Transaction* transaction);

  std::map<std::string, Transaction> transactions_;
  std::map<TopicPartition, CommittedOffset> committed_;
  std::map<int32_t, std::vector<OutputEntry>> outputs_;
  std::set<std::string> members_;
  uint64_t next_member_ = 1;
  int generation_ = 0;
};

}  // namespace millrace::sim
