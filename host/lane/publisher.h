// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commit/transactions.h"

namespace millrace::lane {

class LaneTask;
struct LaneShared;

// Publishes what the tasks of a lane have applied: one transaction per commit cycle, with the
// offsets of its tasks, and at most one at a time. A step function, like its lane.
class Publisher {
 public:
  using Tasks = std::map<int32_t, std::unique_ptr<LaneTask>>;

  explicit Publisher(LaneShared* lane) : lane_(lane) {}

  void Poll(const Tasks& tasks, SteadyTime now);  // what has ended
  void Step(const Tasks& tasks, SteadyTime now);  // begins the next one when it is due
  SteadyTime NextDue(const Tasks& tasks, SteadyTime now) const;

 private:
  // A task's share of the transaction under way, under one ownership.
  struct Share {
    int32_t partition = 0;
    uint64_t ownership = 0;
    size_t first = 0;  // of the publications
  };

  bool Due(const Tasks& tasks, SteadyTime now) const;
  void OnReply(const Tasks& tasks, const commit::TransactionReply& reply, SteadyTime now);
  void Settle(LaneTask* task, bool refused, const commit::TransactionReply& reply, SteadyTime now);
  void OnFenced(const Tasks& tasks, const std::string& detail, SteadyTime now);
  bool HasRefused(size_t share, const commit::TransactionReply& reply) const;

  LaneShared* lane_;
  std::vector<Share> shares_;  // of the transaction under way; empty: none
  uint64_t number_ = 0;
  SteadyTime next_start_{};  // one per commit interval
  SteadyTime not_before_{};  // after one that was aborted
  Millis next_wait_{0};
};

}  // namespace millrace::lane
