// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/slice.h"
#include "commit/packed.h"

namespace millrace::commit {

// The redo of a task: per unit one entry with the writes of value states that the unit did not make
// to their own cells in the store, but left to be made later. The invariant that every reader and
// writer of state relies on:
//
//   The entries in the order of their seq, laid over the cells, are the state as of the last unit
//   applied: of each cell the newest entry that has it counts, else the cell itself.
//
// So a unit may write a cell directly only while no entry has it, an entry is dropped only when
// everything in it is in the cells, and a cell that any entry has is in the entry of every later
// unit that changes it, whether the unit also writes the cell itself or not.
struct RedoCell {
  uint32_t state = 0;  // index into the entry's states
  Slice key;
  Slice value;  // null: erased
};

// Packs the entry of one unit, binary-safe.
//
//   entry   u8 format (1), n, n × text state, cells, cells × cell
//   cell    state (index into the n), text key, bytes value (null: erased)
//
// Numbers, text and bytes as commit/packed.h has them. States are names, because a later library
// may number its states otherwise.
class RedoWriter {
 public:
  // `states`: names, by index; outlive the writer.
  explicit RedoWriter(const std::vector<std::string>* states) : states_(states) {}
  void Add(const RedoCell& cell);  // cell.state: into the writer's states
  // Gives what was added and begins anew; empty: nothing.
  std::string Finish();

 private:
  const std::vector<std::string>* states_;
  std::string cells_;  // room; what is used of it comes first
  size_t used_ = 0;
  uint32_t count_ = 0;
};

// Reads a packed entry, which is not trusted: what does not fit reads as damaged.
class RedoReader {
 public:
  explicit RedoReader(Slice packed);  // `packed` outlives the reader
  bool damaged() const { return in_.damaged(); }
  const std::vector<std::string>& states() const { return states_; }
  // The next cell, borrowed until the following call; null at the end or when damaged.
  const RedoCell* Next();

 private:
  Unpacker in_;
  std::vector<std::string> states_;
  uint64_t left_ = 0;
  RedoCell cell_;
};

// Whether it reads to its last byte.
bool IsRedoEntry(Slice packed);

// One entry as the store keeps it.
struct RedoEntry {
  uint64_t seq = 0;  // of its unit
  std::string packed;
};

}  // namespace millrace::commit
