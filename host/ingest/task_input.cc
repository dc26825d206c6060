// SPDX-License-Identifier: Apache-2.0
#include "ingest/task_input.h"

#include <algorithm>

namespace millrace::ingest {

void EventBatch::Clear() {
  events.clear();
  position.clear();
  records.clear();
  filtered = 0;
  repeats = 0;
}

std::optional<OutputId> OutputIdIn(std::span<const HeaderView> headers) {
  const auto last = std::find_if(headers.rbegin(), headers.rend(), [](const HeaderView& header) {
    return header.name == Slice(kOutputIdHeader);
  });
  return last == headers.rend() ? std::nullopt : ParseOutputId(last->value);
}

TaskInput::TaskInput(RecordSource* source, int32_t partition, std::vector<InputTopic> topics,
                     const Offsets& from, const std::vector<SeenOutput>& seen) {
  for (size_t i = 0; i < topics.size(); ++i) {
    Topic topic;
    topic.source = source->Open({topics[i].topic, partition}, from[i].offset);
    for (const SeenOutput& output : seen) {
      if (output.topic != topics[i].topic) continue;
      topic.repeats.Take(
          {.source = Slice(output.source), .offset = output.offset, .index = output.index});
    }
    topic.input = std::move(topics[i]);
    topics_.push_back(std::move(topic));
    position_.push_back(from[i].offset);
  }
}

void TaskInput::Refill(size_t topic, size_t max_records, bool* moved) {
  Topic& from = topics_[topic];
  if (from.batch) return;
  if (!from.error && !from.end) {
    Popped popped = from.source->Pop(max_records);
    // What passes by itself is asked again with the next pop; only a lost offset ends the input.
    const bool lost = popped.error && popped.error->error_class == ErrorClass::kFatal;
    if (lost) from.error = std::move(popped.error);
    from.end = popped.end;
    if (popped.batch) {
      from.batch = std::move(popped.batch);
      from.next = 0;
      return;
    }
  }
  if (from.end) {  // everything below it has been taken
    *moved = *moved || *from.end > position_[topic];
    position_[topic] = std::max(position_[topic], *from.end);
    from.end.reset();
  }
  if (from.error) failed_ = from.error;
}

int TaskInput::Smallest() const {
  int smallest = -1;
  int64_t least = 0;
  for (size_t i = 0; i < topics_.size(); ++i) {
    if (!topics_[i].batch) continue;
    const int64_t timestamp = topics_[i].batch->records()[topics_[i].next].timestamp_ms;
    if (smallest >= 0 && timestamp >= least) continue;  // equal times: the first topic
    smallest = static_cast<int>(i);
    least = timestamp;
  }
  return smallest;
}

bool TaskInput::PassesFilter(const HeaderFilter& filter) const {
  return std::any_of(headers_.begin(), headers_.end(), [&](const HeaderView& header) {
    return header.name == Slice(filter.name) && header.value == Slice(filter.value);
  });
}

// The topic's next record.
bool TaskInput::Passes(Topic* topic, EventBatch* batch) {
  const InputTopic& input = topic->input;
  if (!input.filter && !input.deduplicate) return true;
  topic->batch->ReadHeaders(topic->next, &headers_);
  if (input.filter && !PassesFilter(*input.filter)) {
    ++batch->filtered;
    return false;
  }
  if (!input.deduplicate) return true;
  const auto id = OutputIdIn(headers_);
  if (!id || topic->repeats.Take(*id)) return true;
  ++batch->repeats;
  return false;
}

void TaskInput::Take(size_t topic, EventBatch* batch) {
  Topic& from = topics_[topic];
  const RecordView& record = from.batch->records()[from.next];
  // The broker hands out whole batches: the first may begin below the offset that was asked for.
  if (record.offset >= position_[topic]) {
    if (Passes(&from, batch)) {
      if (batch->records.empty() || batch->records.back() != from.batch) {
        batch->records.push_back(from.batch);
      }
      batch->events.push_back({.record = &record,
                               .batch = from.batch.get(),
                               .index = static_cast<uint32_t>(from.next),
                               .topic = static_cast<uint32_t>(topic)});
    }
    position_[topic] = record.offset + 1;
  }
  if (++from.next == from.batch->records().size()) from.batch.reset();
}

Result<bool> TaskInput::Fill(size_t max_records, EventBatch* batch) {
  bool moved = false;
  size_t taken = 0;
  while (taken < max_records) {
    for (size_t i = 0; i < topics_.size() && !failed_; ++i) {
      Refill(i, max_records - taken, &moved);
    }
    const int next = Smallest();
    if (next < 0) break;
    do {
      Take(static_cast<size_t>(next), batch);
      ++taken;
    } while (topics_.size() == 1 && topics_[0].batch);
  }
  if (taken == 0 && !moved) {
    if (failed_) return *failed_;  // later calls tell it again
    return false;
  }
  batch->position = position_;
  return true;
}

std::optional<int64_t> TaskInput::end_offset(size_t topic) const {
  return topics_[topic].source->end_offset();
}

}  // namespace millrace::ingest
