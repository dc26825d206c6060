// SPDX-License-Identifier: Apache-2.0
// What a task does with outputs that are published after their unit is applied, and with those that
// a former owner left in the outbox.
#include <algorithm>

#include "lane/lane_task.h"
#include "lane/ownership.h"

namespace millrace::lane {

bool LaneTask::publishable() const {
  return own_ && !own_->refused && !own_->publishing.empty() && !own_->publishing.in_transaction();
}

size_t LaneTask::unpublished_bytes() const {
  return own_ ? own_->publishing.bytes() + own_->outbox.bytes() : 0;
}

uint64_t LaneTask::ownership() const { return own_ ? own_->number : 0; }

commit::PublishedNote LaneTask::note(size_t topic, int64_t offset) const {
  return {.seq = applied_seq_,
          .owner = lane_->settings.owner,
          .released = false,
          .crash = CrashAbove(topic, offset)};
}

std::vector<PartitionOffset> LaneTask::FinalOffsets() const {
  // Exactly once, an offset says that everything below it is published.
  const bool known = lane_->exactly_once() ? released_clean_ : has_applied_;
  if (!known || !has_applied_) return {};
  std::vector<PartitionOffset> offsets;
  for (size_t i = 0; i < applied_.size(); ++i) {
    const int64_t offset = AtLeastPublished(i, applied_[i].offset);
    commit::PublishedNote note = this->note(i, offset);
    note.released = true;
    offsets.push_back({{applied_[i].topic, task_.partition}, offset, commit::TextOf(note)});
  }
  return offsets;
}

// While events are run again, what was published before stays published: an offset that went back
// would have the next owner write their outputs once more.
int64_t LaneTask::AtLeastPublished(size_t topic, int64_t applied) const {
  return topic < published_.size() ? std::max(published_[topic], applied) : applied;
}

Status LaneTask::TakeOverOutbox(const StartedTask& started) {
  published_ = started.published;
  own_->chain.Published(started.published_seq, started.trimmed);
  if (lane_->exactly_once()) {
    for (const auto& entry : started.unpublished) own_->publishing.Push(entry);
    return {};
  }
  if (started.unpublished.empty()) return {};
  // The function was switched to at least once: what exactly once left is published first, and
  // dropped by the unit that waits for its acknowledgements.
  std::vector<uint64_t> entries;
  for (const auto& entry : started.unpublished) {
    if (Status done = Republish(*entry); !done) return done;
    entries.push_back(entry->seq);
  }
  own_->chain.Published(entries.back(), entries);
  const SteadyTime now = lane_->ports.clock->Now();
  for (size_t i = 0; i < started.from.size(); ++i) {
    own_->chain.Advance(i, started.from[i].offset, now);
  }
  CloseUnit(now);
  return {};
}

Status LaneTask::Republish(const commit::Publication& entry) {
  const std::vector<std::string>& outputs = lane_->settings.outputs;
  commit::OutboxReader reader{Slice(entry.packed)};
  while (const commit::OutboxRecord* record = reader.Next()) {
    const std::string& topic = reader.topics()[record->topic];
    const auto output = std::find(outputs.begin(), outputs.end(), topic);
    if (output == outputs.end()) {
      return Fatal("the outbox of task " + std::to_string(task_.partition) +
                   " holds outputs for topic " + topic +
                   ", which is no output of the function any more: run it once with delivery: "
                   "exactly_once, or give it that output back");
    }
    const Status produced =
        lane_->ports.outputs->Produce({.output = static_cast<uint32_t>(output - outputs.begin()),
                                       .key = record->key,
                                       .value = record->value,
                                       .headers = record->headers,
                                       .id = reader.Id(),
                                       .timestamp_ms = record->timestamp_ms,
                                       .partition = record->partition},
                                      &own_->chain.open().ticket);
    if (!produced) return produced;
  }
  return {};
}

void LaneTask::TakePublications(size_t bytes_max, commit::TransactionRequest* request) {
  const commit::Publication* last = own_->publishing.Take(bytes_max, &request->publications);
  for (size_t i = 0; i < last->applied.size(); ++i) {
    const int64_t offset = AtLeastPublished(i, last->applied[i].offset);
    commit::PublishedNote note = this->note(i, offset);
    note.seq = last->seq;
    request->offsets.push_back(
        {{last->applied[i].topic, task_.partition}, offset, commit::TextOf(note)});
  }
}

void LaneTask::OnPublished() {
  std::vector<uint64_t> entries;
  const uint64_t seq = own_->publishing.Published(&entries);
  own_->chain.Published(seq, entries);
}

void LaneTask::OnPublishAborted() { own_->publishing.Aborted(); }

void LaneTask::OnPublishUnknown(SteadyTime now, const std::string& detail) {
  own_->publishing.Aborted();
  WaitLonger(now,
             "a transaction ended with an outcome that is not known, reading what is "
             "published: " +
                 detail);
}

void LaneTask::OnPublishFenced(SteadyTime now, const std::string& detail) {
  own_->publishing.Aborted();
  Wait(now, lane_->settings.fenced_wait, "its transactions are fenced: " + detail);
}

void LaneTask::OnPublishRefused(const std::string& detail) {
  own_->publishing.Aborted();
  own_->refused = true;
  Refused("an output of the events up to " +
          Coordinates(applied_.front().topic, task_.partition, applied_.front().offset) + ": " +
          detail);
}

}  // namespace millrace::lane
