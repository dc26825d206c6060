// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commit/group_offsets.h"
#include "commit/transactions.h"
#include "sim/breaks.h"
#include "sim/broker.h"
#include "unit/fakes/fake_records.h"

namespace millrace::sim {

inline constexpr Millis kTransactionTimeout{15'000};
inline constexpr Millis kLookupTimeout{5'000};
inline constexpr int32_t kOutputPartitions = 3;

// What one host knows of its own membership.
struct Member {
  std::string id;
  std::string metadata;  // at the newest assignment
  bool dead = false;     // the process has ended: nothing of it gets out any more
};

// A lane's transactional producer against the simulated broker: every request is one step that the
// schedule takes, so that anything can happen between two of them.
class SimTransactions final : public commit::Transactions {
 public:
  SimTransactions(Broker* broker, const ManualClock* clock, const Member* member, std::string id,
                  Breaks breaks)
      : broker_(broker), clock_(clock), member_(member), own_{std::move(id), 0}, breaks_(breaks) {}

  // The next request reaches the broker and is answered; false: nothing is to be done.
  bool Advance();
  // The answer of the request under way is lost and the connection stays dead, with or without the
  // request being carried out; it is settled once the transaction's time-out is over.
  void Stall(bool carried_out);
  bool stalled() const { return stalled_since_.has_value(); }
  bool ending() const { return stage_ == Stage::kEnd; }
  bool in_transaction() const { return stage_ > Stage::kIdle; }
  bool has_news() const { return !replies_.empty() || !fenced_.empty(); }
  // Partitions, with what this producer published last; survives nothing but its own process.
  const std::map<TopicPartition, CommittedOffset>& published() const { return published_; }

  void StartFence(const std::string& owner, uint64_t request) override {
    fences_.push_back({.owner = owner, .request = request, .done = true, .detail = {}});
  }
  bool PollFence(commit::FenceReply* reply) override { return Take(&fenced_, reply); }
  void StartTransaction(commit::TransactionRequest request) override;
  bool PollTransaction(commit::TransactionReply* reply) override { return Take(&replies_, reply); }

 private:
  enum class Stage { kInit, kIdle, kProduce, kOffsets, kEnd, kAbort, kSettle };
  struct Record {
    int32_t partition;
    OutputEntry entry;
  };

  template <class Reply>
  static bool Take(std::deque<Reply>* from, Reply* reply) {
    if (from->empty()) return false;
    *reply = std::move(from->front());
    from->pop_front();
    return true;
  }
  bool AdvanceFence();
  void Step();
  Answer Request();
  void OnAnswer(Answer answer);
  void Finish(commit::TransactionResult result, const std::string& detail);

  Broker* broker_;
  const ManualClock* clock_;
  const Member* member_;
  Producer own_;
  Breaks breaks_;
  Stage stage_ = Stage::kInit;
  bool has_request_ = false;
  commit::TransactionRequest request_;
  std::vector<Record> records_;
  size_t next_record_ = 0;
  commit::TransactionResult after_abort_ = commit::TransactionResult::kAborted;
  bool settle_for_fence_ = false;  // kSettle answers kFenced instead of kUnknown
  std::optional<SteadyTime> stalled_since_;
  std::deque<commit::FenceReply> fences_;
  std::deque<commit::FenceReply> fenced_;
  std::deque<commit::TransactionReply> replies_;
  std::map<TopicPartition, CommittedOffset> published_;
};

// A lane's look-ups and plain commits.
class SimGroupOffsets final : public commit::GroupOffsets {
 public:
  SimGroupOffsets(Broker* broker, fakes::FakeLog* log, const ManualClock* clock,
                  const Member* member, const SimTransactions* transactions, Breaks breaks)
      : broker_(broker),
        log_(log),
        clock_(clock),
        member_(member),
        transactions_(transactions),
        breaks_(breaks) {}

  // Answers the oldest look-up, unless its offsets are unstable; false: none was answered.
  bool Advance();
  bool has_news() const { return !answered_.empty(); }

  void StartLookup(int32_t partition, uint64_t request) override {
    asked_.push_back({partition, request, clock_->Now()});
  }
  bool PollLookup(commit::StartReply* reply) override;
  void Commit(std::span<const PartitionOffset> offsets) override {
    if (!member_->dead) broker_->Commit(offsets, member_->metadata);
  }
  bool IsMember(const std::string& metadata) const override { return broker_->Holds(metadata); }

 private:
  struct Asked {
    int32_t partition;
    uint64_t request;
    SteadyTime since;
  };
  commit::StartingPoint Point(int32_t partition) const;

  Broker* broker_;
  fakes::FakeLog* log_;
  const ManualClock* clock_;
  const Member* member_;
  const SimTransactions* transactions_;
  Breaks breaks_;
  std::deque<Asked> asked_;
  std::deque<commit::StartReply> answered_;
};

}  // namespace millrace::sim
