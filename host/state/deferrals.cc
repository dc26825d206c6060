// SPDX-License-Identifier: Apache-2.0
#include "state/deferrals.h"

#include <cassert>

namespace millrace::state {
namespace {

// Numbers of milliseconds wrap around: a cell that was written 49 days ago may look fresh once,
// which costs its entry a detour through the redo.
bool WrittenWithin(const Entry& entry, uint32_t now_ms, Millis interval) {
  return entry.written && now_ms - entry.written_ms < interval.count();
}

}  // namespace

void Deferrals::Wait(Entry* entry, uint64_t seq, SteadyTime now) {
  if (entry->in_redo == InRedo::kNo) ++entry->pins;
  cache_->SetInRedo(entry, InRedo::kWaiting);
  waiting_.push_back({.entry = entry, .seq = seq, .since = now});
}

bool Deferrals::Defer(Entry* entry, uint64_t seq, const Moment& now, const WriteLimits& limits) {
  switch (entry->in_redo) {
    case InRedo::kWaiting:
      return true;
    case InRedo::kWritten:
      break;
    case InRedo::kNo:
      if (TooMuch(limits) || !WrittenWithin(*entry, now.ms, limits.write_interval)) return false;
      break;
  }
  Wait(entry, seq, now.at);
  return true;
}

void Deferrals::MarkWritten(Entry* entry, const Moment& now) {
  entry->written = true;
  entry->written_ms = now.ms;
}

void Deferrals::TakeOver(Entry* entry, uint64_t seq, SteadyTime now) {
  if (entry->in_redo == InRedo::kNo) Wait(entry, seq, now);
}

Entry* Deferrals::WriteNext(uint64_t seq, const Moment& now, const WriteLimits& limits, Due due) {
  if (waiting_.empty()) return nullptr;
  const Waiting& next = waiting_.front();
  const bool is_due = due == Due::kAll || now.at >= next.since + limits.write_interval;
  if (!is_due) return nullptr;
  Entry* entry = next.entry;
  waiting_.pop_front();
  cache_->SetInRedo(entry, InRedo::kWritten);
  entry->written_seq = seq;
  written_.push_back({.entry = entry, .seq = seq});
  MarkWritten(entry, now);
  return entry;
}

void Deferrals::AddEntry(uint64_t seq, size_t bytes) {
  assert(redo_.empty() || redo_.back().seq < seq);
  redo_.push_back({.seq = seq, .bytes = bytes});
  redo_bytes_ += bytes;
}

void Deferrals::Trim(uint64_t seq, std::vector<uint64_t>* trimmed, std::vector<Entry*>* released) {
  const uint64_t to = TrimmedTo(seq);
  for (; !redo_.empty() && redo_.front().seq <= to; redo_.pop_front()) {
    trimmed->push_back(redo_.front().seq);
    redo_bytes_ -= redo_.front().bytes;
  }
  for (; !written_.empty() && written_.front().seq <= to; written_.pop_front()) {
    const Written& written = written_.front();
    // Changed again since: another place in one of the queues stands for it.
    if (written.entry->in_redo != InRedo::kWritten) continue;
    if (written.entry->written_seq != written.seq) continue;
    cache_->SetInRedo(written.entry, InRedo::kNo);
    released->push_back(written.entry);
  }
}

SteadyTime Deferrals::DueAt(Millis write_interval) const {
  return waiting_.empty() ? SteadyTime::max() : waiting_.front().since + write_interval;
}

}  // namespace millrace::state
