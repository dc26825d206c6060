// SPDX-License-Identifier: Apache-2.0
#include "ports.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>

#include "commit/outbox.h"

namespace millrace::replay {
namespace {

constexpr int64_t kRecordsPerMs = 600;
constexpr uint64_t kSeed = 1;
constexpr uint64_t kAmountMax = 1'000'000;
const std::string kScript(40, '0');  // as long as the name of a script

template <class Reply>
bool Take(std::deque<Reply>* from, Reply* reply) {
  if (from->empty()) return false;
  *reply = std::move(from->front());
  from->pop_front();
  return true;
}

}  // namespace

class ReplayedRecords::Batch final : public ingest::RecordBatch {
 public:
  Batch(std::span<const Record> records, int64_t offset) {
    views_.reserve(records.size());
    for (const Record& record : records) {
      views_.push_back({.offset = offset,
                        .timestamp_ms = offset / kRecordsPerMs,
                        .key = Slice(record.key.data(), record.key.size()),
                        .value = Slice(record.value.data(), record.value.size())});
      ++offset;
    }
  }
  std::span<const RecordView> records() const override { return views_; }
  void ReadHeaders(size_t, std::vector<HeaderView>* headers) const override { headers->clear(); }

 private:
  std::vector<RecordView> views_;
};

class ReplayedRecords::Partition final : public ingest::PartitionSource {
 public:
  Partition(ReplayedRecords* source, const std::vector<Record>* records, int64_t offset)
      : source_(source), records_(records), next_(static_cast<size_t>(offset)) {}

  ingest::Popped Pop(size_t max_records) override {
    ingest::Popped popped;
    const size_t count = std::min(max_records, records_->size() - next_);
    if (count == 0) return popped;
    popped.batch = std::make_unique<Batch>(std::span(*records_).subspan(next_, count),
                                           static_cast<int64_t>(next_));
    next_ += count;
    const int64_t before = source_->popped_;
    source_->popped_ += static_cast<int64_t>(count);
    source_->clock_->Advance(Millis(source_->popped_ / kRecordsPerMs - before / kRecordsPerMs));
    return popped;
  }
  std::optional<int64_t> end_offset() const override {
    return static_cast<int64_t>(records_->size());
  }

 private:
  ReplayedRecords* source_;
  const std::vector<Record>* records_;
  size_t next_;
};

ReplayedRecords::ReplayedRecords(int64_t records, int64_t keys, ManualClock* clock)
    : clock_(clock) {
  std::mt19937_64 random(kSeed);
  Record record{};
  record.value.fill('v');
  for (int64_t i = 0; i < records; ++i) {
    uint64_t key = random() % static_cast<uint64_t>(keys);
    const uint64_t amount = random() % kAmountMax;
    const size_t partition = key % kPartitions;
    for (auto at = record.key.rbegin(); at != record.key.rend(); ++at, key /= 10) {
      *at = static_cast<char>('0' + key % 10);
    }
    std::memcpy(record.value.data(), &amount, sizeof amount);
    records_[partition].push_back(record);
  }
}

std::unique_ptr<ingest::PartitionSource> ReplayedRecords::Open(const TopicPartition& at,
                                                               int64_t offset) {
  return std::make_unique<Partition>(this, &records_.at(static_cast<size_t>(at.partition)), offset);
}

int64_t ReplayedStore::applied() const {
  return std::accumulate(applied_.begin(), applied_.end(), int64_t{0});
}

void ReplayedStore::StartAcquire(const commit::AcquireRequest& request) {
  epochs_.at(static_cast<size_t>(request.partition)) = request.epoch;
  acquired_.push_back({.partition = request.partition, .epoch = request.epoch});
}

bool ReplayedStore::PollAcquire(commit::AcquireReply* reply) { return Take(&acquired_, reply); }

void ReplayedStore::StartCommit(const commit::CommitRequest& request) {
  encoder_.Encode(kScript, keys_.Of(request.partition), request, &out_);
  bytes_ += out_.size();
  out_.Clear();
  ++commits_;
  applied_.at(static_cast<size_t>(request.partition)) = request.applied.front().offset;
  committed_.push_back(
      {.partition = request.partition, .epoch = *request.epoch, .seq = request.seq, .detail = {}});
}

bool ReplayedStore::PollCommit(commit::CommitReply* reply) { return Take(&committed_, reply); }

state::ReadId ReplayedStore::StartRead(int32_t partition, std::span<const state::ReadItem> items) {
  read_.push_back(Nothing(partition, items.size()));
  read_.back().id = ++last_read_;
  return last_read_;
}

bool ReplayedStore::PollRead(state::ReadReply* reply) { return Take(&read_, reply); }

state::ReadReply ReplayedStore::ReadNow(int32_t partition, std::span<const state::ReadItem> items) {
  return Nothing(partition, items.size());
}

state::ReadReply ReplayedStore::ReadWholeMapNow(int32_t partition, uint32_t, Slice) {
  return Nothing(partition, 1);
}

state::ReadReply ReplayedStore::Nothing(int32_t partition, size_t items) {
  state::ReadReply reply;
  reply.found.resize(items);
  reply.epoch = reply.bytes.Copy(Slice(epochs_.at(static_cast<size_t>(partition))));
  return reply;
}

Status ReplayedOutputs::Produce(const effects::OutputRecord&, effects::OutputTicket* ticket) {
  ++ticket->pending;
  waiting_.push_back(ticket);
  ++outputs_;
  return {};
}

void ReplayedOutputs::Poll() {
  for (effects::OutputTicket* ticket : waiting_) --ticket->pending;
  waiting_.clear();
}

void ReplayedTransactions::StartFence(const std::string& owner, uint64_t request) {
  fenced_ = {.owner = owner, .request = request, .done = true, .detail = {}};
}

bool ReplayedTransactions::PollFence(commit::FenceReply* reply) {
  if (!fenced_) return false;
  *reply = *fenced_;
  fenced_.reset();
  return true;
}

void ReplayedTransactions::StartTransaction(commit::TransactionRequest request) {
  for (const commit::PublicationPtr& publication : request.publications) {
    commit::OutboxReader reader{Slice(publication->packed)};
    while (reader.Next()) outputs_ += reader.Id().size() > 0 ? 1 : 0;
  }
  committed_ = request.number;
}

bool ReplayedTransactions::PollTransaction(commit::TransactionReply* reply) {
  if (!committed_) return false;
  *reply = {.number = *committed_, .detail = {}, .refused_topic = {}};
  committed_.reset();
  return true;
}

void ReplayedGroup::StartLookup(int32_t partition, uint64_t request) {
  replies_.push_back(
      {.partition = partition,
       .request = request,
       .result = std::vector<commit::StartingPoint>{{.topic = topic_, .committed = {}}}});
}

bool ReplayedGroup::PollLookup(commit::StartReply* reply) { return Take(&replies_, reply); }

}  // namespace millrace::replay
