// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "commit/publish_queue.h"
#include "lane/crash_watch.h"
#include "lane/lane_task.h"

namespace millrace::lane {

// The event that a handler wants to see again, and when.
struct Retrying {
  uint32_t topic = 0;  // index into the task's topics
  int64_t offset = 0;
  uint32_t attempts = 0;
  SteadyTime next_try;
  std::string reason;
};

// How many batches are filled ahead, while their state is being read.
inline constexpr size_t kBatchesMax = 3;

inline constexpr size_t kNoLimit = SIZE_MAX;

inline constexpr size_t kUnitsInFlightMax = 16;     // sent and not answered, per task
inline constexpr size_t kUnitsClosedMax = 64;       // closed and not applied, per task
inline constexpr size_t kUnitsPublishingMax = 256;  // applied and not published, per task

// What one ownership of a task made: its input, its cached state, its chain of commits. Ends as a
// whole, so that nothing of a former ownership can reach a later one.
struct LaneTask::Ownership {
  Ownership(LaneShared* lane, const TaskAssignment* task, const StartedTask& started)
      : input(std::make_unique<ingest::TaskInput>(lane->ports.records, task->partition,
                                                  task->topics, started.from, started.seen)),
        state(lane->states.empty()
                  ? nullptr
                  : std::make_unique<state::TaskState>(lane->cache.get(), lane->states)),
        chain(task->partition, started.epoch, started.seq, started.seq_used, started.from),
        handler(&lane->settings, &lane->ports, task, state.get(), &chain.epoch()),
        sources(SourcesOf(lane->settings.function, *task)),
        outbox(&lane->settings.outputs, &sources),
        redo(&lane->state_names),
        crashes(*task, started.crashes, lane->settings.max_crashes),
        recovery(started.recovery),
        seen(task->topics.size()) {}

  static std::vector<std::string> SourcesOf(const std::string& function,
                                            const TaskAssignment& task) {
    std::vector<std::string> sources;
    for (const auto& topic : task.topics) {
      sources.push_back(OutputSource(function, topic.topic, task.partition));
    }
    return sources;
  }

  // No event runs after this: drops what was fetched, keeps what was done.
  void EndInput() {
    for (PreparedBatch& batch : batches) Release(&batch);
    batches.clear();
    filling = {};
    fill_by.reset();
    retry.reset();
    input.reset();
  }

  void Release(PreparedBatch* batch) {
    for (state::Entry* entry : batch->entries) {
      if (entry) state->Unpin(entry);
    }
    batch->entries.clear();
  }

  // Another batch is filled while the last one waits for its read. One that can run is run first:
  // its entries are still in the processor's cache.
  bool wants_batch() const {
    return batches.empty() || (batches.size() < kBatchesMax && batches.back().waiting);
  }

  // Hands the batch that is being filled over to be run, and begins another.
  PreparedBatch* Push() {
    batches.push_back(std::move(filling));
    fill_by.reset();
    filling = {};
    if (!spare.empty()) {
      filling = std::move(spare.back());
      spare.pop_back();
    }
    return &batches.back();
  }

  std::unique_ptr<ingest::TaskInput> input;
  std::unique_ptr<state::TaskState> state;  // null: a function without state
  Chain chain;
  HandlerState handler;
  uint64_t number = 0;               // tells the ownerships of a lane apart
  std::vector<std::string> sources;  // of output ids, per topic
  std::string output_id;             // room for one
  commit::OutboxWriter outbox;       // outputs of the open unit, if they are published after it
  commit::RedoWriter redo;           // of the unit that is being closed
  commit::PublishQueue publishing;
  bool refused = false;  // an output by its topic: nothing more can be published
  CrashWatch crashes;
  // No event runs before the store has it: of two such records the second would end the process
  // before the first is through, and take its place in what is counted.
  bool aside_on_its_way = false;
  std::optional<RecoveryStatus> recovery;
  std::vector<ingest::Repeats> seen;  // per topic, of the open unit's events
  size_t seen_count = 0;              // of sources in it
  std::deque<PreparedBatch> batches;
  std::vector<PreparedBatch> spare;  // emptied, kept for their capacity
  std::optional<Retrying> retry;
  PreparedBatch filling;              // what the next batch has so far
  std::optional<SteadyTime> fill_by;  // a handler of batches waits for more events until then
  size_t call_max = kNoLimit;         // events of the next call
  std::vector<invoke::EventInput> inputs;
  std::vector<invoke::Verdict> verdicts;
  std::vector<HeaderView> headers;        // of all events of a call
  std::vector<HeaderView> event_headers;  // of one
  std::vector<size_t> header_ends;
};

}  // namespace millrace::lane
