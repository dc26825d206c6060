// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "app/lane_store.h"
#include "app/lanes.h"
#include "app/wake.h"
#include "base/clock.h"
#include "base/logger.h"
#include "kafka/output_producer.h"
#include "kafka/record_consumer.h"
#include "kafka/transaction_worker.h"
#include "lane/lane.h"
#include "observe/limited_log.h"
#include "process/crash_teller.h"

namespace millrace::app {

// Makes a lane's port to the group's offsets. `wake_fd`: non-blocking eventfd, written when an
// answer is there; it outlives the port.
using OffsetsPort = std::function<std::unique_ptr<commit::GroupOffsets>(int wake_fd)>;

struct LaneThreadOptions {
  int slot = 0;
  lane::LaneSettings settings;
  std::shared_ptr<const Generation> generation;
  kafka::RecordConsumerOptions consumer;
  kafka::OutputProducerOptions producer;
  kafka::TransactionWorkerOptions transactions;  // used if delivery is exactly once
  OffsetsPort offsets;                           // called on the lane's thread
  StoreFactory store;                            // empty: the function has no state
  observe::LaneCounters* counters = nullptr;
  invoke::InFlight* in_flight = nullptr;
  Logger* log = nullptr;
  const Clock* clock = nullptr;
  Wake* control = nullptr;              // signalled when the control thread should look
  process::Culprit* culprit = nullptr;  // that this thread is named in, should it end the process
};

// One lane on a thread of its own, with its own consumer, producer and store connection. Commands
// and reports pass through a mutex; records never do. The destructor ends the thread at once: drain
// the lane first.
class LaneThread {
 public:
  explicit LaneThread(LaneThreadOptions options);
  ~LaneThread();
  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;

  void Assign(lane::TaskAssignment task);
  void Revoke(int32_t partition);
  void Abandon(int32_t partition);
  void Swap(std::shared_ptr<const Generation> generation);

  LaneReport TakeReport();  // hands `released` over, once

 private:
  struct RevokeCommand {
    int32_t partition;
  };
  struct AbandonCommand {
    int32_t partition;
  };
  using Command = std::variant<lane::TaskAssignment, RevokeCommand, AbandonCommand,
                               std::shared_ptr<const Generation>>;
  struct Running;
  class Observer;

  void Send(Command command);
  void Run();
  Result<std::unique_ptr<Running>> Build();
  void Loop(Running* running);
  void Execute(Running* running, Command command);
  void Swap(Running* running, std::shared_ptr<const Generation> generation);
  static void NoteStop(Running* running);
  void Publish(Running* running, SteadyTime now);

  LaneThreadOptions options_;
  Wake wake_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_commands_{false};
  std::mutex mutex_;
  std::vector<Command> commands_;  // guarded by mutex_
  LaneReport report_;              // guarded by mutex_
  std::thread thread_;
};

}  // namespace millrace::app
