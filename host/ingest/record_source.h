// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/record.h"
#include "model/task.h"

namespace millrace::ingest {

// Records popped together from one partition, in offset order. Owns them: every view is valid until
// the batch is destroyed. Offsets have gaps (transaction markers, compaction).
class RecordBatch {
 public:
  virtual ~RecordBatch() = default;
  virtual std::span<const RecordView> records() const = 0;
  // Replaces `headers` with those of records()[index]; the views live as long as the batch.
  virtual void ReadHeaders(size_t index, std::vector<HeaderView>* headers) const = 0;
};

// What a pop found. A batch, an error and the end may all be absent: nothing is there at the
// moment.
struct Popped {
  std::unique_ptr<RecordBatch> batch;  // never empty
  std::optional<Error> error;          // kFatal: the offset is gone (retention), say so and stop
  // Set when the partition is drained: the next offset to read, behind trailing transaction
  // markers. Comes after every record below it has been popped.
  std::optional<int64_t> end;
};

// One input partition being fetched in the background. Destroying it ends the fetch and throws away
// what was prefetched. Used by the lane that opened it only.
class PartitionSource {
 public:
  virtual ~PartitionSource() = default;
  virtual Popped Pop(size_t max_records) = 0;  // never blocks
  // End of the partition (last stable offset) as of the newest fetch; absent while unknown.
  virtual std::optional<int64_t> end_offset() const = 0;
};

// Where a lane's records come from: its own consumer, which joins no group. The owner of the port
// is woken (not through this interface) when a partition that was empty has something to pop.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  // Begins to fetch at `offset`. Never blocks; whatever goes wrong is told by Pop.
  virtual std::unique_ptr<PartitionSource> Open(const TopicPartition& at, int64_t offset) = 0;
  virtual void Serve() = 0;  // call at least every 100 ms: errors, statistics, log
};

}  // namespace millrace::ingest
