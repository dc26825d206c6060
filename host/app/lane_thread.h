// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "app/lane_store.h"
#include "app/wake.h"
#include "base/clock.h"
#include "base/logger.h"
#include "kafka/offsets_worker.h"
#include "kafka/output_producer.h"
#include "kafka/record_consumer.h"
#include "kafka/transaction_worker.h"
#include "lane/lane.h"
#include "observe/limited_log.h"

namespace millrace::app {

struct LaneThreadOptions {
  int slot = 0;
  lane::LaneSettings settings;
  std::shared_ptr<const Generation> generation;
  kafka::RecordConsumerOptions consumer;
  kafka::OutputProducerOptions producer;
  kafka::TransactionWorkerOptions transactions;  // used if delivery is exactly once
  kafka::OffsetsWorker* offsets = nullptr;       // outlives the thread
  StoreFactory store;                            // empty: the function has no state
  observe::LaneCounters* counters = nullptr;
  invoke::InFlight* in_flight = nullptr;
  Logger* log = nullptr;
  const Clock* clock = nullptr;
  Wake* control = nullptr;  // signalled when the control thread should look
};

// Why a lane did not take a generation.
struct SwapRefusal {
  int generation = 0;
  std::string reason;

  friend bool operator==(const SwapRefusal&, const SwapRefusal&) = default;
};

// What others see of a lane, a moment old.
struct LaneReport {
  std::vector<lane::TaskStatus> tasks;
  std::vector<lane::ReleasedTask> released;      // since the last report that was taken
  std::optional<lane::StopReason> stop_reason;   // an event or the state needs somebody's decision
  std::shared_ptr<const Generation> stopped_by;  // that ran when that came up
  std::optional<std::string> failure;            // the lane cannot run at all
  std::optional<std::string> problem;            // of the store; passes by itself
  std::optional<SwapRefusal> swap_refusal;       // of the last generation that was to be taken
  std::shared_ptr<const Generation> generation;  // that runs, or could not be started
  uint64_t calls = 0;                            // of that generation in this lane
  uint64_t errors = 0;                           // calls that came to neither done nor drop
  bool idle = false;                             // owns no task, and every command is done
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
