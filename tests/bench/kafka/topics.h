// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::bench {

// What is made and removed on the broker. Every call makes a client of its own; throws on failure.
void CreateTopic(const std::string& bootstrap, const std::string& topic, int partitions);
// Makes it if it is absent; refuses one with another number of partitions.
void EnsureTopic(const std::string& bootstrap, const std::string& topic, int partitions);
std::optional<int> PartitionCount(const std::string& bootstrap, const std::string& topic);

// From the first offset that is kept to the one behind the last, that of an open transaction
// included.
struct OffsetRange {
  int64_t begin = 0;
  int64_t end = 0;
};
// By partition.
std::vector<OffsetRange> Retained(const std::string& bootstrap, const std::string& topic);
// The number of records, unless there were transactions: their marks have offsets too.
int64_t CountOffsets(const std::vector<OffsetRange>& ranges);

// Of transactions, what is committed.
int64_t CountRecords(const std::string& bootstrap, const std::string& topic, int partitions);
// The group's offsets of the topic, summed; those of an open transaction are waited for.
int64_t Committed(const std::string& bootstrap, const std::string& group, const std::string& topic,
                  int partitions);
void DeleteTopic(const std::string& bootstrap, const std::string& topic);
void DeleteGroup(const std::string& bootstrap, const std::string& group);

}  // namespace millrace::bench
