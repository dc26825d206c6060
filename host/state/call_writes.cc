// SPDX-License-Identifier: Apache-2.0
#include "state/call_writes.h"

#include <algorithm>

namespace millrace::state {

void CallWrites::Add(Entry* entry, uint32_t event, Slice field, Slice value) {
  in_order_ = in_order_ && (writes_.empty() || writes_.back().event <= event);
  writes_.push_back({.entry = entry,
                     .event = event,
                     .previous = entry->pending,
                     .field = bytes_.Copy(field),
                     .value = bytes_.Copy(value)});
  entry->pending = static_cast<int32_t>(writes_.size()) - 1;
}

const PendingWrite* CallWrites::Find(const Entry& entry, uint32_t event, Slice field) const {
  const PendingWrite* found = nullptr;
  for (const PendingWrite* write = Newest(entry); write; write = Previous(*write)) {
    if (write->event > event) continue;
    if (!write->field.is_null() && write->field != field) continue;
    if (in_order_) return write;
    if (!found || write->event > found->event) found = write;
  }
  return found;
}

std::vector<const PendingWrite*> CallWrites::Visible(const Entry& entry, uint32_t event) const {
  std::vector<const PendingWrite*> visible;
  for (const PendingWrite* write = Newest(entry); write; write = Previous(*write)) {
    if (write->event <= event) visible.push_back(write);
  }
  std::reverse(visible.begin(), visible.end());
  if (in_order_) return visible;
  std::stable_sort(
      visible.begin(), visible.end(),
      [](const PendingWrite* a, const PendingWrite* b) { return a->event < b->event; });
  return visible;
}

void CallWrites::SortByEvent() {
  if (in_order_) return;
  std::stable_sort(writes_.begin(), writes_.end(),
                   [](const PendingWrite& a, const PendingWrite& b) { return a.event < b.event; });
}

size_t CallWrites::CountFrom(size_t first, uint32_t event) const {
  size_t count = 0;
  for (size_t i = first; i < writes_.size() && writes_[i].event <= event; ++i) ++count;
  return count;
}

void CallWrites::Clear() {
  for (const PendingWrite& write : writes_) write.entry->pending = -1;
  writes_.clear();
  in_order_ = true;
  bytes_.Clear();
}

}  // namespace millrace::state
