// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "model/record.h"

namespace millrace::effects {

// Counts the outputs of one unit that the broker has not acknowledged yet. Owned by the lane, at a
// stable address until `pending` is 0; written by the sink inside Produce and Poll.
struct OutputTicket {
  uint32_t pending = 0;
  std::optional<Error> failed;  // the first output that the topic refused for good
};

struct OutputRecord {
  uint32_t output = 0;  // index into the function's outputs
  Slice key;            // null: no key
  Slice value;          // null: tombstone
  std::span<const HeaderView> headers;
  Slice id;  // value of the `millrace-id` header, added last
  int64_t timestamp_ms = 0;
  int32_t partition = 0;  // already decided, within the output's partition count
};

// Where a lane's outputs go: its own producer. Keeps the order of Produce per partition. Never
// blocks. Used by one lane, on its thread.
class OutputSink {
 public:
  virtual ~OutputSink() = default;
  // Partitions of the output's topic; absent while the topic is not known (missing, broker away).
  virtual std::optional<int32_t> PartitionCount(uint32_t output) = 0;
  // Largest key + value + headers that the topic's producer takes, in bytes.
  virtual size_t message_bytes_max() const = 0;
  // Copies the record and counts it in `ticket`. An error is for good; the record is not counted.
  virtual Status Produce(const OutputRecord& record, OutputTicket* ticket) = 0;
  // The lane goes: no ticket is touched after this, and nothing more may be produced.
  virtual void Detach() = 0;
  virtual void Poll() = 0;                  // settles tickets of what was acknowledged
  virtual size_t queued_bytes() const = 0;  // handed over, not yet acknowledged
};

}  // namespace millrace::effects
