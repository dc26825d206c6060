// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kafka/client_options.h"
#include "model/task.h"

namespace millrace::kafka::test {

// How long a test waits for something that a real broker does.
inline constexpr std::chrono::seconds kPatience{30};

// True as soon as `done` is; false after kPatience. `done` does the polling itself.
bool Eventually(const std::function<bool()>& done, std::chrono::milliseconds patience = kPatience);

// The broker under test, named by KAFKA, and what a test does to it from outside. A failure ends
// the test with an exception.
class Broker {
 public:
  Broker();

  // A name no other test and no other run uses.
  std::string UniqueName(const std::string& stem) const;
  std::string MakeTopic(const std::string& stem, int partitions,
                        const std::map<std::string, std::string>& settings = {});
  void CreateTopic(const std::string& name, int partitions,
                   const std::map<std::string, std::string>& settings = {});
  void AddPartitions(const std::string& topic, int partitions);
  void DeleteRecordsBelow(const std::string& topic, int32_t partition, int64_t offset);

  // Values "<from>" to "<to - 1>", in one batch.
  void Produce(const std::string& topic, int32_t partition, int from, int to);
  enum class Ending { kCommit, kAbort };
  void ProduceInTransaction(const std::string& topic, int32_t partition, int from, int to,
                            Ending ending);

  // A transaction of the past: one record in partition 0 of `topic`, and offsets of a group, sent
  // and left open.
  class OpenTransaction {
   public:
    virtual ~OpenTransaction() = default;
    virtual bool Commit() = 0;  // false: refused
  };
  std::unique_ptr<OpenTransaction> LeaveOpen(const std::string& transactional_id,
                                             const std::string& topic,
                                             const std::string& group_metadata,
                                             const std::vector<PartitionOffset>& offsets);

  ClientOptions Options() const;
  // False when the broker under test is not ours to stop.
  static bool CanBeStopped();
  static void Stack(const std::string& command);  // "stop kafka", "start kafka", ...

 private:
  std::string servers_;
};

}  // namespace millrace::kafka::test
