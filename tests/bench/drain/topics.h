// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace millrace::drain {

// What is made and removed on the broker. Every call makes a client of its own; throws on failure.
void CreateTopic(const std::string& bootstrap, const std::string& topic, int partitions);
// Of transactions, what is committed.
int64_t CountRecords(const std::string& bootstrap, const std::string& topic, int partitions);
// The group's offsets of the topic, summed; those of an open transaction are waited for.
int64_t Committed(const std::string& bootstrap, const std::string& group, const std::string& topic,
                  int partitions);
void DeleteTopic(const std::string& bootstrap, const std::string& topic);
void DeleteGroup(const std::string& bootstrap, const std::string& group);

}  // namespace millrace::drain
