// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ingest/record_source.h"

namespace millrace::fakes {

// One record of a FakeLog, owned.
struct StoredRecord {
  int64_t offset = -1;  // -1: the next free one
  int64_t timestamp_ms = 0;
  OwnedBytes key = {};
  OwnedBytes value = {};
  std::vector<std::pair<std::string, OwnedBytes>> headers = {};
};

// The input topics as a broker keeps them, shared by every source that reads them. Offsets may have
// gaps; `end` may lie behind the last record (markers); below `earliest` nothing is retained.
class FakeLog {
 public:
  struct Partition {
    std::vector<StoredRecord> records;  // by offset
    int64_t earliest = 0;
    int64_t end = 0;
  };

  Partition& at(const TopicPartition& partition) { return partitions_[partition]; }

  // Gives the record's offset.
  int64_t Append(const TopicPartition& to, StoredRecord record) {
    Partition& partition = partitions_[to];
    if (record.offset < 0) record.offset = partition.end;
    partition.end = record.offset + 1;
    partition.records.push_back(std::move(record));
    return partition.end - 1;
  }

  void AddMarkers(const TopicPartition& to, int64_t count) { partitions_[to].end += count; }

  // Retention: everything below `earliest` is gone.
  void Truncate(const TopicPartition& at, int64_t earliest) {
    Partition& partition = partitions_[at];
    partition.earliest = earliest;
    std::erase_if(partition.records,
                  [&](const StoredRecord& record) { return record.offset < earliest; });
  }

 private:
  std::map<TopicPartition, Partition> partitions_;
};

class FakeRecordBatch final : public ingest::RecordBatch {
 public:
  explicit FakeRecordBatch(std::vector<StoredRecord> records) : stored_(std::move(records)) {
    for (const StoredRecord& record : stored_) {
      views_.push_back({.offset = record.offset,
                        .timestamp_ms = record.timestamp_ms,
                        .key = Borrow(record.key),
                        .value = Borrow(record.value)});
    }
  }
  std::span<const RecordView> records() const override { return views_; }
  void ReadHeaders(size_t index, std::vector<HeaderView>* headers) const override {
    headers->clear();
    for (const auto& [name, value] : stored_[index].headers) {
      headers->push_back({Slice(name), Borrow(value)});
    }
  }

 private:
  std::vector<StoredRecord> stored_;
  std::vector<RecordView> views_;
};

// Reads a FakeLog as a consumer does. What a fetch finds is decided when it is popped; the source
// counts what is open, so that a test sees a fetch that was never ended. One lane; outlives its
// partitions.
class FakeRecordSource final : public ingest::RecordSource {
 public:
  explicit FakeRecordSource(FakeLog* log) : log_(log) {}

  // How many records before the offset asked for come first: the broker hands out whole batches.
  size_t records_below = 0;
  // At most so many records with one pop; a real queue gives what is there.
  size_t pop_max = SIZE_MAX;
  bool paused = false;  // nothing arrives
  size_t open_count = 0;
  size_t pops = 0;

  std::unique_ptr<ingest::PartitionSource> Open(const TopicPartition& at, int64_t offset) override {
    return std::make_unique<Partition>(this, at, offset);
  }
  void Serve() override {}

 private:
  class Partition final : public ingest::PartitionSource {
   public:
    Partition(FakeRecordSource* source, TopicPartition at, int64_t offset)
        : source_(source), at_(std::move(at)), next_(offset) {
      ++source_->open_count;
      const auto& records = log().records;
      auto first = FirstAt(next_);
      for (size_t i = 0; i < source_->records_below && first != records.begin(); ++i) {
        next_ = (--first)->offset;
      }
    }
    ~Partition() override { --source_->open_count; }

    ingest::Popped Pop(size_t max_records) override {
      ++source_->pops;
      ingest::Popped popped;
      if (source_->paused) return popped;
      if (next_ < log().earliest) {
        popped.error = Fatal(Coordinates(at_.topic, at_.partition, next_) +
                             " is no longer retained; the partition begins at " +
                             std::to_string(log().earliest));
        return popped;
      }
      const size_t max = std::min(max_records, source_->pop_max);
      std::vector<StoredRecord> taken;
      for (auto at = FirstAt(next_); at != log().records.end() && taken.size() < max; ++at) {
        taken.push_back(*at);
      }
      if (!taken.empty()) next_ = taken.back().offset + 1;
      if (FirstAt(next_) == log().records.end() && told_end_ != log().end) {
        told_end_ = log().end;
        next_ = std::max(next_, log().end);
        popped.end = log().end;
      }
      if (!taken.empty()) popped.batch = std::make_unique<FakeRecordBatch>(std::move(taken));
      return popped;
    }
    std::optional<int64_t> end_offset() const override { return log().end; }

   private:
    FakeLog::Partition& log() const { return source_->log_->at(at_); }
    std::vector<StoredRecord>::const_iterator FirstAt(int64_t offset) const {
      return std::lower_bound(
          log().records.cbegin(), log().records.cend(), offset,
          [](const StoredRecord& record, int64_t wanted) { return record.offset < wanted; });
    }

    FakeRecordSource* source_;
    TopicPartition at_;
    int64_t next_;
    int64_t told_end_ = -1;
  };

  FakeLog* log_;
};

}  // namespace millrace::fakes
