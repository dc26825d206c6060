// SPDX-License-Identifier: Apache-2.0
#include "sim/broker.h"

#include <algorithm>

namespace millrace::sim {

Answer Broker::Init(const std::string& id, uint64_t* epoch) {
  Transaction& transaction = transactions_[id];
  using State = Transaction::State;
  if (transaction.state == State::kCommitDecided || transaction.state == State::kAbortDecided) {
    return Answer::kBusy;
  }
  if (transaction.state == State::kOpen) {
    ++transaction.epoch;  // the producer that had it is fenced from here on
    transaction.state = State::kAbortDecided;
    return Answer::kBusy;
  }
  *epoch = ++transaction.epoch;
  transaction.state = State::kNone;
  return Answer::kDone;
}

Answer Broker::Open(const Producer& producer, SteadyTime now, Transaction** transaction) {
  Transaction& found = transactions_[producer.id];
  using State = Transaction::State;
  if (found.epoch != producer.epoch) return Answer::kFenced;
  if (found.state == State::kCommitDecided || found.state == State::kAbortDecided) {
    return Answer::kBusy;
  }
  if (found.state != State::kOpen) {
    found.state = State::kOpen;
    found.opened = now;
  }
  *transaction = &found;
  return Answer::kDone;
}

Answer Broker::Produce(const Producer& producer, int32_t partition, OutputEntry entry,
                       SteadyTime now) {
  Transaction* transaction = nullptr;
  if (const Answer answer = Open(producer, now, &transaction); answer != Answer::kDone) {
    return answer;
  }
  entry.status = OutputEntry::Status::kPending;
  transaction->entries.emplace_back(partition, outputs_[partition].size());
  outputs_[partition].push_back(std::move(entry));
  return Answer::kDone;
}

Answer Broker::CheckMember(const std::string& group_metadata) const {
  const size_t colon = group_metadata.find(':');
  if (!members_.contains(group_metadata.substr(0, colon))) return Answer::kUnknownMember;
  const bool current = group_metadata.substr(colon + 1) == std::to_string(generation_);
  return current ? Answer::kDone : Answer::kIllegalGeneration;
}

Answer Broker::SendOffsets(const Producer& producer, std::span<const PartitionOffset> offsets,
                           const std::string& group_metadata, SteadyTime now) {
  Transaction* transaction = nullptr;
  if (const Answer answer = Open(producer, now, &transaction); answer != Answer::kDone) {
    return answer;
  }
  if (const Answer answer = CheckMember(group_metadata); answer != Answer::kDone) return answer;
  for (const PartitionOffset& offset : offsets) {
    transaction->offsets[offset.at] = {offset.offset, offset.metadata};
  }
  return Answer::kDone;
}

Answer Broker::End(const Producer& producer, bool commit) {
  Transaction& transaction = transactions_[producer.id];
  using State = Transaction::State;
  if (transaction.epoch != producer.epoch) return Answer::kFenced;
  switch (transaction.state) {
    case State::kOpen:
      transaction.state = commit ? State::kCommitDecided : State::kAbortDecided;
      return Answer::kDone;
    case State::kCommitDecided:
    case State::kAbortDecided:
      return Answer::kBusy;
    case State::kCommitted:
      return commit ? Answer::kDone : Answer::kFenced;
    case State::kAborted:
      return commit ? Answer::kFenced : Answer::kDone;
    case State::kNone:
      return Answer::kDone;
  }
  return Answer::kFenced;
}

void Broker::Complete(Transaction* transaction) {
  const bool commit = transaction->state == Transaction::State::kCommitDecided;
  for (const auto& [partition, index] : transaction->entries) {
    outputs_[partition][index].status =
        commit ? OutputEntry::Status::kCommitted : OutputEntry::Status::kAborted;
  }
  if (commit) {
    for (const auto& [at, offset] : transaction->offsets) committed_[at] = offset;
  }
  transaction->entries.clear();
  transaction->offsets.clear();
  transaction->state = commit ? Transaction::State::kCommitted : Transaction::State::kAborted;
}

bool Broker::CompleteOne() {
  for (auto& [id, transaction] : transactions_) {
    using State = Transaction::State;
    if (transaction.state != State::kCommitDecided && transaction.state != State::kAbortDecided) {
      continue;
    }
    Complete(&transaction);
    return true;
  }
  return false;
}

void Broker::Expire(SteadyTime now, Millis age_max) {
  for (auto& [id, transaction] : transactions_) {
    if (transaction.state != Transaction::State::kOpen) continue;
    if (now - transaction.opened < age_max) continue;
    ++transaction.epoch;
    transaction.state = Transaction::State::kAbortDecided;
  }
}

bool Broker::settled() const {
  return std::all_of(transactions_.begin(), transactions_.end(), [](const auto& one) {
    using State = Transaction::State;
    const State state = one.second.state;
    return state == State::kNone || state == State::kCommitted || state == State::kAborted;
  });
}

std::string Broker::Join() {
  std::string member = "m" + std::to_string(next_member_++);
  members_.insert(member);
  return member;
}

void Broker::Remove(const std::string& member) { members_.erase(member); }

bool Broker::Commit(std::span<const PartitionOffset> offsets, const std::string& group_metadata) {
  if (CheckMember(group_metadata) != Answer::kDone) return false;
  for (const PartitionOffset& offset : offsets) {
    committed_[offset.at] = {offset.offset, offset.metadata};
  }
  return true;
}

bool Broker::Stable(const TopicPartition& at) const {
  return std::none_of(transactions_.begin(), transactions_.end(),
                      [&](const auto& one) { return one.second.offsets.contains(at); });
}

std::optional<CommittedOffset> Broker::Committed(const TopicPartition& at) const {
  const auto found = committed_.find(at);
  return found == committed_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace millrace::sim
