// SPDX-License-Identifier: Apache-2.0
#include "state/task_state.h"

#include <xxhash.h>

#include <algorithm>
#include <cassert>

namespace millrace::state {
namespace {

// What an entry costs beside its bytes: the entry, its slot, allocator headers.
constexpr size_t kEntryBytes = sizeof(Entry) + 48;
constexpr size_t kFieldBytes = sizeof(Fields::value_type) + 64;

// What a cell takes in an entry of the redo beside key and value.
constexpr size_t kRedoCellBytes = 3;

// A value with what the cell in the store must hold.
TaskState::DirtyCell CellOf(const Entry& entry) {
  return {.state = entry.state,
          .key = ViewOf(entry.key),
          .field = {},
          .value = entry.present ? ViewOf(entry.value) : Slice()};
}

StateKind KindOf(const Entry& entry) { return entry.map ? StateKind::kMap : StateKind::kValue; }

// Adds what the store has, unless something is known of the field.
void AddRead(MapContent* map, Slice field, Slice value) {
  const bool is_new =
      map->fields.try_emplace(std::string(field.view()), Field{value.Copy(), false}).second;
  if (is_new) map->bytes += field.size() + value.size();
}

}  // namespace

size_t TaskState::Hash::operator()(const Key& key) const {
  return XXH3_64bits_withSeed(key.second.data(), key.second.size(), key.first);
}

TaskState::~TaskState() {
  call_.Clear();
  for (Entry* entry : entries_) {
    cache_->Remove(entry);
    cache_->Charge(entry, 0);
    delete entry;
  }
}

Entry* TaskState::Create(uint32_t state, Slice key) {
  auto* entry = new Entry;
  entry->owner = this;
  entry->state = state;
  entry->key.assign(key.data(), key.size());
  if (states_[state].kind == StateKind::kMap) entry->map = std::make_unique<MapContent>();
  entries_.insert(entry);
  cache_->Add(entry);
  Recharge(entry);
  return entry;
}

Entry* TaskState::Pin(uint32_t state, Slice key, ReadPlan* plan) {
  const auto found = entries_.find(Hash::Key(state, key.view()));
  Entry* entry = found == entries_.end() ? Create(state, key) : *found;
  ++entry->pins;
  entry->used = true;
  if (entry->known || entry->loading) {
    ++cache_->counts().hits;
    return entry;
  }
  ++cache_->counts().misses;
  entry->loading = true;
  plan->items.push_back({.state = state, .key = ViewOf(entry->key), .field = {}});
  plan->entries.push_back(entry);
  return entry;
}

void TaskState::Unpin(Entry* entry) {
  assert(entry->pins > 0);
  --entry->pins;
}

void TaskState::Forget(Entry* entry) {
  assert(entry->pins == 0);
  cache_->Remove(entry);
  cache_->Charge(entry, 0);
  entries_.erase(entry);
  delete entry;
}

void TaskState::Recharge(Entry* entry) {
  size_t bytes = kEntryBytes + entry->key.size() + entry->value.capacity();
  if (entry->map)
    bytes += sizeof(MapContent) + entry->map->fields.size() * kFieldBytes + entry->map->bytes;
  cache_->Charge(entry, bytes);
}

void TaskState::Load(std::span<Entry* const> entries, const ReadReply& reply) {
  assert(entries.size() == reply.found.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    Entry* entry = entries[i];
    const Found& found = reply.found[i];
    entry->loading = false;
    if (KindOf(*entry) == StateKind::kMap) {
      if (found.what == Found::What::kLargeMap) {
        entry->known = true;
      } else {
        ReadReply one;
        one.found = {found};
        const auto first = reply.entries.begin() + found.first_entry;
        one.entries.assign(first, first + found.entry_count);
        LoadWholeMap(entry, one);
      }
      continue;
    }
    if (entry->known) continue;  // written since the read was asked for
    entry->known = true;
    entry->present = found.what == Found::What::kValue;
    if (entry->present) entry->value.assign(found.value.data(), found.value.size());
    Recharge(entry);
  }
}

void TaskState::LoadWholeMap(Entry* entry, const ReadReply& reply) {
  entry->known = true;
  MapContent& map = *entry->map;
  if (map.whole) return;  // erased or read as a whole since
  for (const FoundField& field : reply.entries) AddRead(&map, field.field, field.value);
  map.whole = true;
  Recharge(entry);
}

void TaskState::LoadField(Entry* entry, Slice field, const ReadReply& reply) {
  const Found& found = reply.found.at(0);
  if (KindOf(*entry) == StateKind::kValue) {
    Load(std::span<Entry* const>(&entry, 1), reply);
    return;
  }
  entry->known = true;
  AddRead(entry->map.get(), field, found.value);
  Recharge(entry);
}

Lookup TaskState::Get(const Entry& entry, uint32_t event, Slice field, Slice* value) const {
  if (const PendingWrite* write = call_.Find(entry, event, field)) {
    const bool erased = write->field.is_null() && !field.is_null();
    *value = erased ? Slice() : write->value;
    return value->is_null() ? Lookup::kAbsent : Lookup::kPresent;
  }
  if (KindOf(entry) == StateKind::kValue) {
    if (!entry.known) return Lookup::kUnread;
    *value = entry.present ? ViewOf(entry.value) : Slice();
    return entry.present ? Lookup::kPresent : Lookup::kAbsent;
  }
  const auto found = entry.map->fields.find(field.view());
  if (found == entry.map->fields.end()) {
    return entry.map->whole ? Lookup::kAbsent : Lookup::kUnread;
  }
  *value = Borrow(found->second.value);
  return value->is_null() ? Lookup::kAbsent : Lookup::kPresent;
}

Lookup TaskState::Scan(const Entry& entry, uint32_t event, Slice after, size_t max,
                       std::vector<FoundField>* found) const {
  found->clear();
  std::map<std::string_view, Slice> written;  // what the last visible write per field says
  bool erased = false;
  for (const PendingWrite* write : call_.Visible(entry, event)) {
    if (write->field.is_null()) {
      erased = true;
      written.clear();
    } else {
      written.insert_or_assign(write->field.view(), write->value);
    }
  }
  if (!entry.map->whole && !erased) return Lookup::kUnread;
  const Fields none;
  const Fields& stored = erased ? none : entry.map->fields;
  auto from = after.is_null() ? stored.begin() : stored.upper_bound(after.view());
  auto with = after.is_null() ? written.begin() : written.upper_bound(after.view());
  while (found->size() < max && (from != stored.end() || with != written.end())) {
    const bool take_written =
        from == stored.end() || (with != written.end() && with->first <= from->first);
    if (take_written) {
      if (from != stored.end() && from->first == with->first) ++from;
      if (!with->second.is_null()) found->push_back({Slice(with->first), with->second});
      ++with;
    } else {
      if (from->second.value) found->push_back({Slice(from->first), Slice(*from->second.value)});
      ++from;
    }
  }
  return Lookup::kPresent;
}

void TaskState::Accept(uint32_t event) {
  const auto& writes = call_.all();
  for (; next_accept_ < writes.size() && writes[next_accept_].event <= event; ++next_accept_) {
    Apply(writes[next_accept_]);
  }
}

void TaskState::EndCall() {
  call_.Clear();
  next_accept_ = 0;
}

void TaskState::MarkDirty(Entry* entry) {
  if (entry->dirty) return;
  entry->dirty = true;
  ++entry->pins;
  dirty_.push_back(entry);
}

void TaskState::Apply(const PendingWrite& write) {
  Entry* entry = write.entry;
  if (entry->map) {
    ApplyField(entry->map.get(), write);
  } else {
    if (!entry->dirty) {
      ++dirty_count_;
      dirty_bytes_ += entry->key.size() + write.value.size();
    } else if (write.value.size() > entry->value.size()) {
      dirty_bytes_ += write.value.size() - entry->value.size();
    }
    entry->present = !write.value.is_null();
    entry->value.assign(write.value.view().data(), write.value.size());
  }
  entry->known = true;
  MarkDirty(entry);
  Recharge(entry);
}

void TaskState::ApplyField(MapContent* map, const PendingWrite& write) {
  if (write.field.is_null()) {
    EraseMap(map);
    return;
  }
  auto [at, is_new] = map->fields.try_emplace(std::string(write.field.view()));
  dirty_bytes_ += write.field.size() + write.value.size();
  if (!at->second.dirty) {
    at->second.dirty = true;
    ++dirty_count_;
    map->dirty.push_back(&*at);
  }
  map->bytes -= is_new ? 0 : at->first.size() + Borrow(at->second.value).size();
  map->bytes += at->first.size() + write.value.size();
  at->second.value = write.value.Copy();
}

void TaskState::EraseMap(MapContent* map) {
  dirty_count_ -= map->dirty.size();
  map->dirty.clear();
  map->fields.clear();
  map->bytes = 0;
  map->whole = true;
  if (!map->erase_dirty) ++dirty_count_;
  map->erase_dirty = true;
}

void TaskState::CloseUnit(const Closing& unit, UnitSink* sink) {
  WriteDirty(unit, sink);
  WriteDue(unit, sink);
  WriteRedo(unit, sink);
  dirty_count_ = 0;
  dirty_bytes_ = 0;
  closed_.push_back({unit.seq, std::move(dirty_)});
  dirty_ = {};
  if (!spare_.empty()) {
    dirty_ = std::move(spare_.back());
    spare_.pop_back();
  }
}

// What is deferred leaves dirty_: it is held, and pinned for that.
void TaskState::WriteDirty(const Closing& unit, UnitSink* sink) {
  const Deferrals::Moment now(unit.now);
  deferred_.clear();
  size_t kept = 0;
  for (Entry* entry : dirty_) {
    entry->dirty = false;
    if (entry->map) {
      WriteMap(entry, sink);
    } else if (deferrals_.Defer(entry, unit.seq, now, unit.limits)) {
      deferred_.push_back(entry);
      Unpin(entry);
      continue;
    } else {
      sink->Write(CellOf(*entry));
      Deferrals::MarkWritten(entry, now);
    }
    dirty_[kept++] = entry;
  }
  dirty_.resize(kept);
}

// At least as many cells, and bytes, as the unit defers: what waits does not grow for ever.
void TaskState::WriteDue(const Closing& unit, UnitSink* sink) {
  if (!deferrals_.any_waiting()) return;
  const Deferrals::Moment now(unit.now);
  const size_t deferred = deferred_.size();
  const size_t written = dirty_count_ - std::min(dirty_count_, deferred);
  size_t cells = std::max(unit.limits.effects_max - std::min(unit.limits.effects_max, written),
                          std::max<size_t>(deferred, 1));
  size_t bytes = 0;
  const size_t bytes_max = std::max(unit.limits.bytes_max / 2, dirty_bytes_);
  const bool all = unit.due == Deferrals::Due::kAll || deferrals_.TooMuch(unit.limits);
  const Deferrals::Due due = all ? Deferrals::Due::kAll : Deferrals::Due::kNow;
  for (; cells > 0 && bytes <= bytes_max; --cells) {
    const Entry* entry = deferrals_.WriteNext(unit.seq, now, unit.limits, due);
    if (!entry) return;
    sink->Write(CellOf(*entry));
    bytes += entry->key.size() + entry->value.size();
  }
}

void TaskState::WriteRedo(const Closing& unit, UnitSink* sink) {
  if (!deferred_.empty() && deferrals_.NeedsEntry(unit.seq)) {
    size_t bytes = 0;
    for (const Entry* entry : deferred_) {
      sink->Defer(CellOf(*entry));
      bytes += kRedoCellBytes + entry->key.size() + (entry->present ? entry->value.size() : 0);
    }
    deferrals_.AddEntry(unit.seq, bytes);
  }
  trimmed_.clear();
  deferrals_.Trim(unit.seq, &trimmed_, &dirty_);  // what is released stays pinned with the unit
  for (const uint64_t seq : trimmed_) sink->Trim(seq);
}

void TaskState::WriteMap(Entry* entry, UnitSink* sink) {
  MapContent& map = *entry->map;
  DirtyCell cell{.state = entry->state, .key = ViewOf(entry->key), .is_map = true};
  if (map.erase_dirty) sink->Write(cell);
  map.erase_dirty = false;
  for (Fields::value_type* dirty : map.dirty) {
    dirty->second.dirty = false;
    cell.field = Slice(dirty->first);
    cell.value = Borrow(dirty->second.value);
    sink->Write(cell);
    // In a whole map, a field that is not there is absent: keep no tombstones.
    if (map.whole && !entry->loading && !dirty->second.value) {
      map.bytes -= dirty->first.size();
      map.fields.erase(map.fields.find(dirty->first));
    }
  }
  map.dirty.clear();
  Recharge(entry);
}

void TaskState::AddRedoCell(uint64_t seq, SteadyTime now, const DirtyCell& cell) {
  const auto found = entries_.find(Hash::Key(cell.state, cell.key.view()));
  Entry* entry = found == entries_.end() ? Create(cell.state, cell.key) : *found;
  entry->known = true;
  entry->present = !cell.value.is_null();
  entry->value.assign(cell.value.view().data(), cell.value.size());
  Recharge(entry);
  deferrals_.TakeOver(entry, seq, now);
}

void TaskState::Acknowledge(uint64_t seq) {
  while (!closed_.empty() && closed_.front().seq <= seq) {
    std::vector<Entry*> entries = std::move(closed_.front().entries);
    closed_.pop_front();
    for (Entry* entry : entries) Unpin(entry);
    entries.clear();
    spare_.push_back(std::move(entries));
  }
}

}  // namespace millrace::state
