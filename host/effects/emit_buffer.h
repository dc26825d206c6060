// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/arena.h"
#include "model/record.h"

namespace millrace::effects {

// A record that a handler asked to emit.
struct EmitRequest {
  uint32_t output = 0;  // index into the function's outputs
  Slice key = {};
  Slice value = {};
  std::span<const HeaderView> headers = {};
  int64_t timestamp_ms = -1;  // -1: the event's
  int32_t partition = -1;     // -1: by key
};

// One emitted record, waiting for its event's outcome. Its headers are headers[first_header..].
struct Emitted {
  uint32_t event = 0;  // index within the call
  uint32_t index = 0;  // 0, 1, … of the event's outputs
  uint32_t output = 0;
  Slice key;
  Slice value;
  uint32_t first_header = 0;
  uint32_t header_count = 0;
  int64_t timestamp_ms = 0;
  int32_t partition = 0;
};

enum class EmitStatus {
  kOk,
  kNoSuchPartition,  // an explicit partition beyond the output's count
  kTooLarge,         // larger than a message may be
  kTopicUnknown,     // the output's topic has no known partitions at the moment
};

// What the emits of one call are checked against.
struct OutputLimits {
  std::span<const int32_t> partition_counts;  // per output; 0 = not known at the moment
  size_t message_bytes_max = 0;               // key + value + headers + kIdBytesMax
};

// Room that is left in every message for the `millrace-id` header.
inline constexpr size_t kIdBytesMax = 512;

// The emitted records of one call of a handler, as data, in call order. Nothing leaves before the
// outcome is known. Owned by one lane.
class EmitBuffer {
 public:
  struct Source {  // of the event
    uint32_t event = 0;
    int64_t timestamp_ms = 0;
    int32_t partition = 0;
  };
  // Copies the record and decides its partition: the one asked for, murmur2 of the key as Java
  // clients do, or without a key the input partition modulo the output's count.
  EmitStatus Add(const Source& source, const EmitRequest& request, const OutputLimits& limits);

  std::span<const Emitted> all() const { return emitted_; }
  // After the call: orders by event, and starts Next at the first.
  void SortByEvent();
  // The next record of `event`, or null. Events are asked for in order; those left out are skipped.
  const Emitted* Next(uint32_t event);
  std::span<const HeaderView> headers(const Emitted& emitted) const {
    return std::span(headers_).subspan(emitted.first_header, emitted.header_count);
  }
  size_t bytes() const { return bytes_.used_bytes(); }
  void Clear();

 private:
  std::vector<Emitted> emitted_;
  bool in_order_ = true;
  size_t next_ = 0;
  std::vector<HeaderView> headers_;
  std::vector<uint32_t> next_index_;  // per event
  Arena bytes_;
};

// Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2) and the partition that Java's
// default partitioner derives from it.
uint32_t Murmur2(Slice key);
int32_t PartitionOfKey(Slice key, int32_t partition_count);

}  // namespace millrace::effects
