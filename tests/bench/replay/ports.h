// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commit/commit_store.h"
#include "commit/group_offsets.h"
#include "commit/transactions.h"
#include "effects/output_sink.h"
#include "ingest/record_source.h"
#include "redis/commit_codec.h"
#include "redis/out_buffer.h"
#include "redis/task_keys.h"
#include "state/state_reader.h"

namespace millrace::replay {

inline constexpr int kPartitions = 4;

// The input: records of 100 bytes in memory, each key in one partition. Popping them moves the
// clock at a fixed pace, so that every run closes its units at the same records.
class ReplayedRecords final : public ingest::RecordSource {
 public:
  ReplayedRecords(int64_t records, int64_t keys, ManualClock* clock);
  std::unique_ptr<ingest::PartitionSource> Open(const TopicPartition& at, int64_t offset) override;
  void Serve() override {}

 private:
  struct Record {
    std::array<char, 10> key;
    std::array<char, 90> value;
  };
  class Batch;
  class Partition;

  ManualClock* clock_;
  std::array<std::vector<Record>, kPartitions> records_;
  int64_t popped_ = 0;
};

// A store that holds nothing and applies everything: commits are encoded as for Redis and thrown
// away, reads find nothing, answers come with the next poll.
class ReplayedStore final : public commit::CommitStore, public state::StateReader {
 public:
  explicit ReplayedStore(redis::KeySpace keys) : keys_(std::move(keys)) {}

  int64_t applied() const;  // records
  uint64_t commits() const { return commits_; }
  uint64_t bytes() const { return bytes_; }  // of the commits as commands

  void StartAcquire(const commit::AcquireRequest& request) override;
  bool PollAcquire(commit::AcquireReply* reply) override;
  void StartCommit(const commit::CommitRequest& request) override;
  bool PollCommit(commit::CommitReply* reply) override;
  uint64_t connection_number() const override { return 1; }
  state::ReadId StartRead(int32_t partition, std::span<const state::ReadItem> items) override;
  bool PollRead(state::ReadReply* reply) override;
  state::ReadReply ReadNow(int32_t partition, std::span<const state::ReadItem> items) override;
  state::ReadReply ReadWholeMapNow(int32_t partition, uint32_t state, Slice key) override;

 private:
  state::ReadReply Nothing(int32_t partition, size_t items);

  redis::KeySpace keys_;
  redis::CommitEncoder encoder_;
  redis::OutBuffer out_;
  std::array<commit::Epoch, kPartitions> epochs_;
  std::array<int64_t, kPartitions> applied_{};
  uint64_t commits_ = 0;
  uint64_t bytes_ = 0;
  state::ReadId last_read_ = 0;
  std::deque<commit::AcquireReply> acquired_;
  std::deque<commit::CommitReply> committed_;
  std::deque<state::ReadReply> read_;
};

// Takes outputs and acknowledges them with the next poll.
class ReplayedOutputs final : public effects::OutputSink {
 public:
  int64_t outputs() const { return outputs_; }

  std::optional<int32_t> PartitionCount(uint32_t) override { return kPartitions; }
  size_t message_bytes_max() const override { return 1'000'000; }
  Status Produce(const effects::OutputRecord& record, effects::OutputTicket* ticket) override;
  void Detach() override { waiting_.clear(); }
  void Poll() override;
  size_t queued_bytes() const override { return 0; }

 private:
  std::vector<effects::OutputTicket*> waiting_;
  int64_t outputs_ = 0;
};

// Commits every transaction, after reading its outputs as the producer does.
class ReplayedTransactions final : public commit::Transactions {
 public:
  int64_t outputs() const { return outputs_; }

  void StartFence(const std::string& owner, uint64_t request) override;
  bool PollFence(commit::FenceReply* reply) override;
  void StartTransaction(commit::TransactionRequest request) override;
  bool PollTransaction(commit::TransactionReply* reply) override;

 private:
  int64_t outputs_ = 0;
  std::optional<commit::FenceReply> fenced_;
  std::optional<uint64_t> committed_;
};

// A group without offsets whose only member this is.
class ReplayedGroup final : public commit::GroupOffsets {
 public:
  explicit ReplayedGroup(std::string topic) : topic_(std::move(topic)) {}

  void StartLookup(int32_t partition, uint64_t request) override;
  bool PollLookup(commit::StartReply* reply) override;
  void Commit(std::span<const PartitionOffset>) override {}
  bool IsMember(const std::string&) const override { return true; }

 private:
  std::string topic_;
  std::deque<commit::StartReply> replies_;
};

}  // namespace millrace::replay
