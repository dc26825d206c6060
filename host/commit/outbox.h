// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commit/packed.h"
#include "model/record.h"
#include "model/task.h"

namespace millrace::commit {

// One output of an applied event, on its way to Kafka.
struct OutboxRecord {
  uint32_t topic = 0;  // index into the entry's topics
  Slice key;           // null: no key
  Slice value;         // null: tombstone
  std::span<const HeaderView> headers;
  uint32_t source =
      0;               // of its `millrace-id` header, which is added last: into the entry's sources
  int64_t offset = 0;  // likewise: of the event
  uint32_t index = 0;  // likewise: among the outputs of the event
  int64_t timestamp_ms = 0;
  int32_t partition = 0;
};

// What a unit leaves to be published: how far it came and its outputs, packed. Immutable, shared by
// the task that publishes it and the transaction under way.
struct Publication {
  uint64_t seq = 0;
  Offsets applied;     // of the unit, when it is applied
  std::string packed;  // its outputs; empty: none
  uint64_t outputs = 0;
};
using PublicationPtr = std::shared_ptr<const Publication>;

// Packs the outputs of one unit as the store keeps them: one entry, binary-safe, and short, because
// every output goes through the store and its log once more.
//
//   entry   u8 format (2), n, n × (text topic of input, applied), m, m × text topic of output,
//           k, k × text source, outputs, outputs × record
//   record  topic, partition, ±timestamp, source, ±offset, index, bytes key, bytes value, headers
//
// Numbers, text, bytes and headers as commit/packed.h has them; with ±, the zigzag form of the
// difference to the record before, the first to 0. Topics are names, because a later configuration
// may number its outputs otherwise.
class OutboxWriter {
 public:
  // `topics`: of the function's outputs, by output index. `sources`: of the ids, by index. Both
  // outlive the writer.
  OutboxWriter(const std::vector<std::string>* topics, const std::vector<std::string>* sources)
      : topics_(topics), sources_(sources) {}
  void Add(const OutboxRecord& record);  // record.topic: output index
  bool empty() const { return outputs_ == 0; }
  size_t bytes() const { return used_; }
  // Gives what was added and begins anew. Without outputs nothing is packed.
  PublicationPtr Finish(uint64_t seq, Offsets applied);
  void Clear();

 private:
  const std::vector<std::string>* topics_;
  const std::vector<std::string>* sources_;
  std::string records_;  // room; what is used of it comes first
  size_t used_ = 0;
  uint32_t outputs_ = 0;
  int64_t timestamp_ms_ = 0;  // of the last record
  int64_t offset_ = 0;
};

// Reads a packed entry, which is not trusted: what does not fit reads as damaged.
class OutboxReader {
 public:
  explicit OutboxReader(Slice packed);  // `packed` outlives the reader
  bool damaged() const { return in_.damaged(); }
  const Offsets& applied() const { return applied_; }
  const std::vector<std::string>& topics() const { return topics_; }
  uint64_t outputs() const { return outputs_; }
  // The next record, borrowed until the following call; null at the end or when damaged.
  const OutboxRecord* Next();
  // Value of the `millrace-id` header of the record that Next gave; borrowed likewise.
  Slice Id();

 private:
  Unpacker in_;
  Offsets applied_;
  std::vector<std::string> topics_;
  std::vector<std::string> sources_;
  uint64_t outputs_ = 0;
  uint64_t read_ = 0;
  OutboxRecord record_;
  std::vector<HeaderView> headers_;
  std::string id_;  // room for one
};

// A publication from what the store holds under `seq`; absent when the entry is damaged.
std::optional<Publication> Unpack(uint64_t seq, std::string packed);

}  // namespace millrace::commit
