// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/function_spec.h"
#include "model/task.h"

namespace millrace::commit {

// For each topic of a task: what the group has committed, and where `start` would begin.
struct StartingPoint {
  std::string topic;
  std::optional<int64_t> committed;  // absent: the group has no offset for it
  std::string metadata = {};         // kept with the committed offset
  int64_t start = 0;                 // resolved by the broker: earliest, latest or by timestamp
  int64_t earliest = 0;              // first offset still retained
};

struct StartReply {
  int32_t partition = 0;
  uint64_t request = 0;
  Result<std::vector<StartingPoint>> result = std::vector<StartingPoint>{};
};

// The group's offsets and the broker's, asked for and committed through the membership, because a
// live group refuses plain commits of an assign-only consumer. Blocking calls happen elsewhere:
// every method returns at once, answers are polled. One object per lane, used on its thread.
class GroupOffsets {
 public:
  virtual ~GroupOffsets() = default;
  // Reads committed offsets, retained range and start of the partition in every topic. Committed
  // offsets are stable ones: those of an open transaction are waited for.
  virtual void StartLookup(int32_t partition, uint64_t request) = 0;
  virtual bool PollLookup(StartReply* reply) = 0;
  // Commits `offsets` as the group's progress. Newer calls replace older ones that still wait. A
  // failure is counted and logged by the adapter; the next call makes up for it.
  virtual void Commit(std::span<const PartitionOffset> offsets) = 0;
  // Whether the group cannot have given away what it assigned with this metadata, as far as that is
  // certain without asking: a process that stood still for longer than its session does not know.
  virtual bool IsMember(const std::string& metadata_at_assignment) const = 0;
};

}  // namespace millrace::commit
