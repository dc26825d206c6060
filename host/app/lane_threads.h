// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/lane_board.h"
#include "app/lane_store.h"
#include "app/lane_thread.h"
#include "app/lanes.h"
#include "kafka/client_options.h"
#include "kafka/topic_watch.h"
#include "model/function_spec.h"

namespace millrace::app {

// What every lane of a host is made with: plain values, which another process can be given.
struct HostSettings {
  std::string namespace_name;
  std::string host_id;
  kafka::Properties kafka;
  int64_t lane_queue_bytes = 0;
  int64_t lane_output_bytes = 0;
};

// Everything is outlived by what it points to.
struct LaneThreadsOptions {
  HostSettings settings;
  FunctionSpec spec;
  Delivery delivery = Delivery::kAtLeastOnce;  // what the broker allows of the spec's
  std::shared_ptr<const Generation> generation;
  LaneBoard* board = nullptr;
  std::shared_ptr<const kafka::TopicWatch> watch;  // of every topic of the function
  std::vector<OffsetsPort> offsets;                // by lane
  StoreFactory store;                              // empty: the function keeps nothing
  Logger* log = nullptr;
  const Clock* clock = nullptr;
  Wake* control = nullptr;  // signalled when a lane has news
};

// The lanes of a function as threads of this process. They start with the first task, when the
// partition counts are known, which bound their memory.
class LaneThreads final : public Lanes {
 public:
  explicit LaneThreads(LaneThreadsOptions options) : options_(std::move(options)) {}

  void Assign(int lane, lane::TaskAssignment task) override;
  void Revoke(int lane, int32_t partition) override;
  void Abandon(int lane, int32_t partition) override;
  void Swap(std::shared_ptr<const Generation> generation) override;
  std::vector<LaneReport> TakeReports() override;
  bool started() const override { return !threads_.empty(); }

 private:
  void Start(int partition_count);
  LaneThreadOptions OptionsOf(int slot, int partition_count) const;

  LaneThreadsOptions options_;
  std::vector<std::unique_ptr<LaneThread>> threads_;  // by slot; empty: none has a task yet
  std::vector<int32_t> never_had_;                    // asked back before there was a lane
};

}  // namespace millrace::app
