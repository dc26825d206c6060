// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "lane/lane_settings.h"
#include "lane/lane_status.h"

namespace millrace::lane {

// Where a task begins, once its start is over.
struct StartedTask {
  commit::Epoch epoch;
  uint64_t seq = 0;         // that the store has
  uint64_t seq_used = 0;    // no unit may have this number or a lower one
  Offsets from;             // per topic of the task, in order
  bool store_from = false;  // `from` holds what the store does not have yet: a resolved start
  // Per topic: outputs of events below are in Kafka already, and must not be written again. Empty:
  // nothing is run again.
  std::vector<int64_t> published;
  uint64_t published_seq = 0;
  std::vector<commit::PublicationPtr> unpublished;  // of the outbox, by seq
  std::vector<uint64_t> trimmed;                    // entries of the outbox that are published
  std::vector<commit::RedoEntry> redo;              // by seq: state that is not in its cells yet
  std::vector<SeenOutput> seen;                     // of other functions, below `from`
  std::vector<TopicCrash> crashes;                  // at or above `from`
  std::vector<AsideName> aside;                     // as commit::Acquired has it
  uint64_t aside_count = 0;
  std::optional<RecoveryStatus> recovery;  // absent: nothing was missing
};

// What is known when a task starts: what the store holds, if the function has one, and what the
// group and the broker say, per topic of the task in order.
struct RecoveryFacts {
  const LaneSettings* settings = nullptr;
  const TaskAssignment* task = nullptr;
  commit::Epoch epoch;
  std::optional<commit::Acquired> acquired;  // absent: a function without state
  std::vector<commit::StartingPoint> points;
};

// Decides where to begin. With state that is `applied`, never the group's offset; without, it is
// the group's offset; where there is neither, the resolved `start`.
//
//   `applied` is behind an offset with our note   the store went back in time: events are run
//                                                 again, their outputs suppressed
//   no `applied`, but the group has offsets       on_state_loss
//   an offset that is not ours is ahead, or ours  on_offset_reset
//   are gone
//   `from` is no longer retained                  on_retention_loss
//
// kFatal: a policy says fail; the message has both numbers and the way out.
Result<StartedTask> Recover(const RecoveryFacts& facts);

}  // namespace millrace::lane
