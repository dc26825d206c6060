// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/record_source.h"
#include "ingest/repeats.h"
#include "model/function_spec.h"
#include "model/task.h"

namespace millrace::ingest {

// One input topic of a function, as its triggers ask for it.
struct InputTopic {
  std::string topic;
  std::optional<HeaderFilter> filter;
  bool deduplicate = false;  // drop repeats of other functions' outputs
};

struct InputEvent {
  const RecordView* record = nullptr;
  const RecordBatch* batch = nullptr;  // owns the record
  uint32_t index = 0;                  // of the record in its batch
  uint32_t topic = 0;                  // index of the InputTopic
};

// Events of one task in the order in which they are invoked, and how far the input has come when
// the last of them is done. Owns the records. May hold no event and still move the position:
// records that the filter left out, or the end of a drained partition.
struct EventBatch {
  std::vector<InputEvent> events;
  std::vector<int64_t> position;  // per topic: next offset to read
  std::vector<std::shared_ptr<const RecordBatch>> records;
  uint64_t filtered = 0;
  uint64_t repeats = 0;  // dropped
  void Clear();
};

// The input of one task: its partition in every topic of the function, from `applied` on. One lane,
// its thread; ends every fetch when destroyed.
class TaskInput {
 public:
  // `from` has an offset for every topic, in the same order; `seen` is what was seen below it of
  // outputs of other functions.
  TaskInput(RecordSource* source, int32_t partition, std::vector<InputTopic> topics,
            const Offsets& from, const std::vector<SeenOutput>& seen = {});

  // Adds to `batch` up to `max_records` of what is at hand; with several topics, the smallest
  // (timestamp, topic) at hand comes first. False: nothing new, `batch` is as it was. A fatal error
  // names the coordinates of an offset that is gone; whatever came before it has been given, and
  // nothing more is fetched for any topic.
  Result<bool> Fill(size_t max_records, EventBatch* batch);

  // Next offset to read of every topic, in order.
  const std::vector<int64_t>& position() const { return position_; }
  // End of the topic's partition; absent while unknown.
  std::optional<int64_t> end_offset(size_t topic) const;

 private:
  struct Topic {
    InputTopic input;
    std::unique_ptr<PartitionSource> source;
    std::shared_ptr<const RecordBatch> batch;  // what was popped and is not used up
    size_t next = 0;                           // in `batch`
    std::optional<int64_t> end;                // told with the last pop, behind everything popped
    std::optional<Error> error;
    Repeats repeats;
  };

  void Refill(size_t topic, size_t max_records, bool* moved);
  int Smallest() const;
  void Take(size_t topic, EventBatch* batch);
  bool Passes(Topic* topic, EventBatch* batch);
  bool PassesFilter(const HeaderFilter& filter) const;

  std::vector<Topic> topics_;
  std::vector<int64_t> position_;
  std::optional<Error> failed_;      // of the first topic that cannot go on
  std::vector<HeaderView> headers_;  // of the record that is looked at
};

// The id of an output of another function; absent: the record has none that tells its order. Of
// several headers with that name the last counts: those before it are the handler's.
std::optional<OutputId> OutputIdIn(std::span<const HeaderView> headers);

}  // namespace millrace::ingest
