// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/record.h"
#include "model/task.h"

namespace millrace::commit {

// One output of an applied event, on its way to Kafka.
struct OutboxRecord {
  uint32_t topic = 0;  // index into the entry's topics
  Slice key;           // null: no key
  Slice value;         // null: tombstone
  std::span<const HeaderView> headers;
  Slice id;  // value of the `millrace-id` header, added last
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

// Packs the outputs of one unit as the store keeps them: one entry, little-endian, binary-safe.
//
//   entry   u8 format (1), u16 n, n × (text topic of input, i64 applied), u16 m, m × text topic,
//           u32 outputs, outputs × record
//   record  u16 topic, i32 partition, i64 timestamp, bytes key, bytes value, bytes id,
//           u16 headers, headers × (bytes name, bytes value)
//   text    u16 size, bytes        bytes   u32 size (0xffffffff: null), bytes
//
// The topics are names, because a later configuration may number its outputs otherwise.
class OutboxWriter {
 public:
  // `topics`: of the function's outputs, by output index; outlives the writer.
  explicit OutboxWriter(const std::vector<std::string>* topics) : topics_(topics) {}
  void Add(const OutboxRecord& record);  // record.topic: output index
  bool empty() const { return outputs_ == 0; }
  size_t bytes() const { return records_.size(); }
  // Gives what was added and begins anew. Without outputs nothing is packed.
  PublicationPtr Finish(uint64_t seq, Offsets applied);
  void Clear();

 private:
  const std::vector<std::string>* topics_;
  std::string records_;
  uint32_t outputs_ = 0;
};

// Reads a packed entry, which is not trusted: what does not fit reads as damaged.
class OutboxReader {
 public:
  explicit OutboxReader(Slice packed);  // `packed` outlives the reader
  bool damaged() const { return damaged_; }
  const Offsets& applied() const { return applied_; }
  const std::vector<std::string>& topics() const { return topics_; }
  uint32_t outputs() const { return outputs_; }
  // The next record, borrowed until the following call; null at the end or when damaged.
  const OutboxRecord* Next();

 private:
  template <class Number>
  Number Read();
  Slice ReadText();
  Slice ReadBytes();
  Slice Take(size_t size);

  Slice packed_;
  size_t at_ = 0;
  bool damaged_ = false;
  Offsets applied_;
  std::vector<std::string> topics_;
  uint32_t outputs_ = 0;
  uint32_t read_ = 0;
  OutboxRecord record_;
  std::vector<HeaderView> headers_;
};

// A publication from what the store holds under `seq`; absent when the entry is damaged.
std::optional<Publication> Unpack(uint64_t seq, std::string packed);

}  // namespace millrace::commit
