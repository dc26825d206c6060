// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "commit/commit_store.h"
#include "model/task.h"

namespace millrace::commit {

// A contiguous range of events of one task: what one commit applies. `Ticket` counts its outputs.
template <class Ticket>
struct Unit {
  uint64_t seq = 0;
  uint64_t expected_seq = 0;         // of the store, before it
  std::vector<TopicOffset> applied;  // per topic, when this unit is applied
  PublicationPtr publication;        // its outputs, if they are published after it is applied
  std::vector<SeenOutput> seen;
  std::vector<WriteOp> writes;
  Arena bytes;                         // of the writes
  std::string redo;                    // packed writes that are made later; empty: none
  std::vector<uint64_t> redo_trimmed;  // entries of it that this unit makes superfluous
  std::vector<AsideEntry> aside;       // records that it puts aside
  Ticket ticket;
  uint64_t events = 0;
  uint64_t effects = 0;  // cells that its events changed
  SteadyTime opened;
  bool sent = false;

  void Write(WriteOp op) {
    op.key = bytes.Copy(op.key);
    op.field = bytes.Copy(op.field);
    op.value = bytes.Copy(op.value);
    writes.push_back(op);
  }
};

// The commits of one task under one ownership, in order: one open unit that events are added to,
// and the closed ones before it. A closed unit is sent once all its outputs are acknowledged and
// every unit before it is sent; it names its predecessor's seq, so a chain in flight is applied as
// far as it is unbroken and not one unit further. Without a store, sent means applied. One lane,
// its thread.
template <class Ticket>
class CommitChain {
 public:
  using UnitType = Unit<Ticket>;

  // `seq` and `applied` are what the store has now. `seq_used`: no unit may have this number or a
  // lower one; above `seq` after the store went back in time.
  CommitChain(int32_t partition, Epoch epoch, uint64_t seq, uint64_t seq_used, Offsets applied)
      : partition_(partition),
        epoch_(std::move(epoch)),
        stored_seq_(seq),
        last_closed_(std::max(seq, seq_used)),
        applied_seq_(last_closed_),
        applied_(applied),
        moved_(std::move(applied)) {
    open_ = Fresh();
  }

  UnitType& open() { return *open_; }
  bool has_progress() const { return progressed_; }

  // Events up to `next` of the topic (an index into `applied`) belong to the open unit.
  void Advance(size_t topic, int64_t next, SteadyTime now) {
    if (!progressed_) open_->opened = now;
    progressed_ = true;
    moved_[topic].offset = next;
  }

  // The same, if the position has moved without an event: filtered records, transaction markers.
  void AdvanceTo(size_t topic, int64_t next, SteadyTime now) {
    if (next > moved_[topic].offset) Advance(topic, next, now);
  }

  // Closes the open unit; the caller adds its writes. At a stable address until taken off the
  // chain.
  UnitType& Close() {
    UnitType& unit = *open_;
    unit.expected_seq = std::exchange(stored_seq_, last_closed_ + 1);
    unit.seq = ++last_closed_;
    unit.applied = moved_;
    closed_.push_back(std::move(open_));
    open_ = Fresh();
    progressed_ = false;
    return unit;
  }

  // Sends what may be sent, at most `in_flight_max` at a time.
  void Send(CommitStore* store, size_t in_flight_max) {
    while (sent_ < closed_.size() && sent_ < in_flight_max) {
      UnitType& unit = *closed_[sent_];
      if (unit.ticket.pending > 0 || unit.ticket.failed) return;
      store->StartCommit({.partition = partition_,
                          .epoch = &epoch_,
                          .expected_seq = unit.expected_seq,
                          .seq = unit.seq,
                          .applied = unit.applied,
                          .writes = unit.writes,
                          .publication = unit.publication.get(),
                          .published_seq = published_seq_,
                          .trimmed = trimmed_,
                          .seen = unit.seen,
                          .redo = unit.redo,
                          .redo_trimmed = unit.redo_trimmed,
                          .aside = unit.aside});
      trimmed_.clear();
      unit.sent = true;
      ++sent_;
    }
  }

  // The oldest unit was applied: takes it off the chain and returns it until the next call.
  const UnitType& Applied(uint64_t seq) {
    if (closed_.empty() || closed_.front()->seq != seq) std::abort();  // replies come in order
    applied_ = closed_.front()->applied;
    applied_seq_ = seq;
    sent_ -= closed_.front()->sent ? 1 : 0;
    done_ = std::move(closed_.front());
    closed_.pop_front();
    return *done_;
  }

  // Without a store: the seq of the oldest closed unit whose outputs are acknowledged.
  std::optional<uint64_t> Settled() const {
    if (closed_.empty()) return std::nullopt;
    const auto& ticket = closed_.front()->ticket;
    if (ticket.pending > 0 || ticket.failed) return std::nullopt;
    return closed_.front()->seq;
  }

  // The first unit with an output that its topic refused for good, and where that unit begins.
  struct Failed {
    const Ticket* ticket = nullptr;
    const Offsets* from = nullptr;
  };
  std::optional<Failed> FirstFailed() const {
    const Offsets* from = &applied_;
    for (const auto& unit : closed_) {
      if (unit->ticket.failed) return Failed{&unit->ticket, from};
      from = &unit->applied;
    }
    if (open_->ticket.failed) return Failed{&open_->ticket, from};
    return std::nullopt;
  }

  // Gives up everything that is not applied. Units whose outputs are still on their way keep their
  // address in `graves` until those are settled.
  void Abandon(std::vector<std::unique_ptr<UnitType>>* graves) {
    for (auto& unit : closed_) Bury(std::move(unit), graves);
    Bury(std::move(open_), graves);
    closed_.clear();
    open_ = Fresh();
    sent_ = 0;
    progressed_ = false;
  }

  // Everything up to `seq` is published: the next unit drops these entries of the outbox.
  void Published(uint64_t seq, const std::vector<uint64_t>& entries) {
    published_seq_ = std::max(published_seq_, seq);
    trimmed_.insert(trimmed_.end(), entries.begin(), entries.end());
  }

  bool idle() const { return closed_.empty() && !progressed_; }
  size_t closed_count() const { return closed_.size(); }
  const Epoch& epoch() const { return epoch_; }
  const Offsets& applied() const { return applied_; }
  uint64_t applied_seq() const { return applied_seq_; }

 private:
  static void Bury(std::unique_ptr<UnitType> unit, std::vector<std::unique_ptr<UnitType>>* graves) {
    if (unit->ticket.pending > 0) graves->push_back(std::move(unit));
  }
  std::unique_ptr<UnitType> Fresh() {
    if (!done_) return std::make_unique<UnitType>();
    auto unit = std::move(done_);  // reuse its capacity
    unit->seen.clear();
    unit->writes.clear();
    unit->bytes.Clear();
    unit->redo.clear();
    unit->redo_trimmed.clear();
    unit->aside.clear();
    unit->ticket = {};
    unit->publication.reset();
    unit->events = 0;
    unit->effects = 0;
    unit->sent = false;
    return unit;
  }

  int32_t partition_;
  Epoch epoch_;
  uint64_t stored_seq_;  // of the store, before the open unit
  uint64_t last_closed_;
  uint64_t applied_seq_;
  uint64_t published_seq_ = 0;
  std::vector<uint64_t> trimmed_;  // entries to drop with the next unit
  Offsets applied_;                // of the last unit that was applied
  Offsets moved_;                  // of the open unit
  bool progressed_ = false;
  std::unique_ptr<UnitType> open_;
  std::deque<std::unique_ptr<UnitType>> closed_;
  size_t sent_ = 0;  // how many of closed_, from the front
  std::unique_ptr<UnitType> done_;
};

}  // namespace millrace::commit
