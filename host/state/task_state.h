// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "state/cache.h"
#include "state/call_writes.h"
#include "state/deferrals.h"
#include "state/state_reader.h"

namespace millrace::state {

// What must be read before a batch can run. `items` and `entries` run in parallel; the entries are
// pinned by the batch.
struct ReadPlan {
  std::vector<ReadItem> items;
  std::vector<Entry*> entries;
  void Clear() {
    items.clear();
    entries.clear();
  }
};

enum class Lookup {
  kPresent,
  kAbsent,
  kUnread,  // not in the cache: read it now, then ask again
};

// The state of one task: what is cached, what the running call has written, what the open unit must
// write, and what closed units wait for. The owner of a task is its only writer, so the cache is
// coherent for as long as the ownership lasts, and dies with it. One lane, its thread.
class TaskState {
 public:
  TaskState(Cache* cache, std::vector<StateDecl> states)
      : cache_(cache), states_(std::move(states)), deferrals_(cache) {}
  ~TaskState();
  TaskState(const TaskState&) = delete;
  TaskState& operator=(const TaskState&) = delete;

  const std::vector<StateDecl>& states() const { return states_; }

  // The entry of a key, pinned until Unpin. What is not known is added to `plan`, once.
  Entry* Pin(uint32_t state, Slice key, ReadPlan* plan);
  void Unpin(Entry* entry);
  // Takes over what was read. A reply never replaces a newer write.
  void Load(std::span<Entry* const> entries, const ReadReply& reply);
  void LoadWholeMap(Entry* entry, const ReadReply& reply);
  void LoadField(Entry* entry, Slice field, const ReadReply& reply);

  // --- The running call. `event` is the event's index in it.
  Lookup Get(const Entry& entry, uint32_t event, Slice field, Slice* value) const;
  // Up to `max` fields after `after` (null: from the first) in byte order. kUnread: the map is not
  // whole in the cache.
  Lookup Scan(const Entry& entry, uint32_t event, Slice after, size_t max,
              std::vector<FoundField>* found) const;
  void Put(Entry* entry, uint32_t event, Slice field, Slice value) {
    call_.Add(entry, event, field, value);
  }
  size_t call_bytes() const { return call_.bytes(); }
  const CallWrites& call() const { return call_; }
  // The handler has returned: orders the writes by event. After it, Get and Scan see the state
  // only.
  void BeginAccept() { call_.SortByEvent(); }
  // Writes of the event that are not accepted yet, at most.
  size_t WritesOf(uint32_t event) const { return call_.CountFrom(next_accept_, event); }
  // Makes the event's writes the state. Events are accepted in order, each at most once.
  void Accept(uint32_t event);
  // Drops what was not accepted.
  void EndCall();

  // --- The open unit: what a commit must write.
  size_t dirty_count() const { return dirty_count_; }
  size_t dirty_bytes() const { return dirty_bytes_; }
  struct DirtyCell {
    uint32_t state = 0;
    Slice key = {};
    Slice field = {};  // null: a value, or a map erased as a whole (then value is null, too)
    Slice value = {};  // null: erase
    bool is_map = false;
  };
  // Where the cells of a unit go.
  class UnitSink {
   public:
    virtual ~UnitSink() = default;
    virtual void Write(const DirtyCell& cell) = 0;  // to its cell in the store
    virtual void Defer(const DirtyCell& cell) = 0;  // into the unit's entry of the redo
    virtual void Trim(uint64_t seq) = 0;            // this entry is dropped with the unit
  };
  struct Closing {
    uint64_t seq = 0;
    SteadyTime now;
    WriteLimits limits;
    Deferrals::Due due = Deferrals::Due::kNow;  // kAll: leaves as little as it can to be made later
  };
  // Hands every dirty cell with its present value to `sink` and closes the unit; the entries stay
  // pinned until Acknowledge(seq). Values that change often are deferred (see Deferrals), and those
  // that are due by now written, as far as the limits allow; what is not dirty may be among them.
  // Maps are never deferred.
  void CloseUnit(const Closing& unit, UnitSink* sink);
  void Acknowledge(uint64_t seq);  // every unit up to and including `seq`

  // --- What was left to be made later.
  bool any_deferred() const { return deferrals_.any_waiting(); }
  SteadyTime deferred_due(Millis write_interval) const { return deferrals_.DueAt(write_interval); }
  // A former owner's entry, entries in order of their seq, before anything else: AddRedoCell per
  // cell, then AddRedoEntry.
  void AddRedoCell(uint64_t seq, SteadyTime now, const DirtyCell& cell);
  void AddRedoEntry(uint64_t seq, size_t bytes) { deferrals_.AddEntry(seq, bytes); }

  void Forget(Entry* entry);  // evicts; only for entries without pins

 private:
  struct Hash {
    using is_transparent = void;
    using Key = std::pair<uint32_t, std::string_view>;
    size_t operator()(const Key& key) const;
    size_t operator()(const Entry* entry) const {
      return (*this)(Key(entry->state, ViewOf(entry->key).view()));
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Entry* a, const Entry* b) const { return a == b; }
    bool operator()(const Hash::Key& key, const Entry* entry) const {
      return key.first == entry->state && key.second == ViewOf(entry->key).view();
    }
    bool operator()(const Entry* entry, const Hash::Key& key) const { return (*this)(key, entry); }
  };
  struct ClosedUnit {
    uint64_t seq = 0;
    std::vector<Entry*> entries;
  };

  Entry* Create(uint32_t state, Slice key);
  void Apply(const PendingWrite& write);
  void ApplyField(MapContent* map, const PendingWrite& write);
  void EraseMap(MapContent* map);
  void MarkDirty(Entry* entry);
  void WriteMap(Entry* entry, UnitSink* sink);
  void WriteDirty(const Closing& unit, UnitSink* sink);
  void WriteDue(const Closing& unit, UnitSink* sink);
  void WriteRedo(const Closing& unit, UnitSink* sink);
  void Recharge(Entry* entry);

  Cache* cache_;
  std::vector<StateDecl> states_;
  boost::unordered_flat_set<Entry*, Hash, Equal> entries_;
  CallWrites call_;
  size_t next_accept_ = 0;  // into call_
  Deferrals deferrals_;
  std::vector<Entry*> dirty_;
  std::vector<Entry*> deferred_;   // by the unit that is being closed
  std::vector<uint64_t> trimmed_;  // likewise
  size_t dirty_count_ = 0;
  size_t dirty_bytes_ = 0;
  std::deque<ClosedUnit> closed_;
  std::vector<std::vector<Entry*>> spare_;  // emptied lists, kept for their capacity
};

}  // namespace millrace::state
