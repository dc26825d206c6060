// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// `offset` is the next one to read, as everywhere in this code.
struct TopicOffset {
  std::string topic;
  int64_t offset = 0;
  friend bool operator==(const TopicOffset&, const TopicOffset&) = default;
};

struct PartitionOffset {
  TopicPartition at;
  int64_t offset = 0;
  std::string metadata = {};  // kept with a committed offset; empty: none
  friend bool operator==(const PartitionOffset&, const PartitionOffset&) = default;
};

// Progress of one task: per input topic, in the order of the function's subscription.
using Offsets = std::vector<TopicOffset>;

// The newest output of another function that a task has applied, per source ("function/topic/
// partition" of who made it) and input topic that it came through.
struct SeenOutput {
  std::string topic;
  std::string source;
  int64_t offset = 0;  // of the event that made it
  uint32_t index = 0;  // among the outputs of that event
  friend bool operator==(const SeenOutput&, const SeenOutput&) = default;
};

// "topic/partition@offset", the one notation of coordinates in logs, errors and the API.
inline std::string Coordinates(const std::string& topic, int32_t partition, int64_t offset) {
  return topic + "/" + std::to_string(partition) + "@" + std::to_string(offset);
}

}  // namespace millrace
