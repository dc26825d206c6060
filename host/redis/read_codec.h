// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/out_buffer.h"
#include "redis/reply_parser.h"
#include "redis/task_keys.h"
#include "state/state_reader.h"

namespace millrace::redis {

// One command of a read and the items that its reply answers.
struct ReadCommand {
  enum class Kind { kCells, kMaps, kPage, kEpoch };
  Kind kind = Kind::kCells;
  uint32_t first = 0;  // into ReadJob::order
  uint32_t count = 0;
};

// One read under way: its commands are answered in order, the last one completes the reply.
struct ReadJob {
  state::ReadReply reply;
  std::vector<uint32_t> order;  // indexes of the items, command by command
  std::vector<ReadCommand> commands;
  size_t answered = 0;  // of the commands
  std::string cursor;   // of a whole map's pages; "0" = done
  // Of a read for others than the owner (committed_read.h): replies still to come, EXEC's the last;
  // the items by state and key; the name of the redo.
  size_t queued = 0;
  std::map<std::pair<std::string, std::string>, std::vector<uint32_t>> cells;
  std::string redo_key;

  bool done() const { return queued == 0 && answered == commands.size(); }
  void Clear();
};

// Reads as commands and their replies as values. Pure: no socket, no time. Values of one state go
// into one HMGET, fields of one map into another, whole maps into a script that leaves large ones.
// The task's epoch is read last.
class ReadEncoder {
 public:
  // Appends the commands for `items` to `out` and to `job`, which must be clear.
  void Encode(std::string_view script, const TaskKeys& keys,
              std::span<const state::StateDecl> states, std::span<const state::ReadItem> items,
              ReadJob* job, OutBuffer* out);
};

// Appends the command for the next page of a map.
void EncodePage(const TaskKeys& keys, uint32_t state, Slice key, ReadJob* job, OutBuffer* out);

// Takes the reply to the job's next command. A failure becomes the job's status; the job goes on,
// because the replies to its other commands are on their way.
void DecodeRead(Reply reply, ReadJob* job);

// A map that changes its size while its pages are read may show a field twice.
void KeepFirstOfEachField(std::vector<state::FoundField>* entries);

}  // namespace millrace::redis
