// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/task.h"

namespace millrace::membership {

struct GroupEvent {
  enum class Kind {
    kAssigned,   // partitions are ours from now on; answer with Accept
    kRevoked,    // partitions must be given up; answer with Release once nobody works on them
    kLost,       // partitions are somebody else's already; answer with Release at once
    kProblem,    // `problem` tells what keeps the group from working (broker away, unknown topic)
    kRecovered,  // the former problem is over
  };
  Kind kind = Kind::kProblem;
  std::vector<TopicPartition> partitions;
  std::string problem;
  // Of kAssigned: the group's metadata at this assignment, for transactions that commit offsets of
  // these partitions; opaque, never that of another group generation.
  std::string group_metadata = {};
};

// The consumer that joins the group for one function on this host, and fetches nothing. Used by the
// function's control thread.
class GroupClient {
 public:
  virtual ~GroupClient() = default;
  virtual bool Poll(GroupEvent* event) = 0;  // never blocks; false when nothing has happened
  virtual void Accept() = 0;
  virtual void Release(std::span<const PartitionOffset> final_offsets) = 0;
  // Starts to leave: a kRevoked follows if anything is owned. `left` turns true when it is over.
  virtual void Leave() = 0;
  virtual bool left() const = 0;
  // Partitions of an input topic; absent while unknown.
  virtual std::optional<int32_t> PartitionCount(const std::string& topic) = 0;
};

}  // namespace millrace::membership
