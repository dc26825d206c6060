// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/testing/record.h>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace millrace::testing {

// Stored bytes; shared, so that a slice handed to a handler outlives what is written over it. Null
// is an erased entry of an overlay.
using Stored = std::shared_ptr<const std::string>;

// Where an entry stands. A value has no field, an entry of a map has one.
struct CellName {
  uint32_t state = 0;
  std::string key{};
  Text field{};

  friend auto operator<=>(const CellName&, const CellName&) = default;
};

using Cells = std::map<CellName, Stored>;

// The cells of one task: what is committed, seen through the writes of the events of a batch. Event
// i sees its own writes and those of the events before it.
class FakeState {
 public:
  const Cells& committed() const { return committed_; }

  void BeginBatch(size_t events) { overlays_.assign(events, {}); }

  Stored Find(size_t event, const CellName& name) const {
    for (size_t at = event + 1; at > 0; --at) {
      const auto written = overlays_[at - 1].find(name);
      if (written != overlays_[at - 1].end()) return written->second;
    }
    const auto found = committed_.find(name);
    return found == committed_.end() ? nullptr : found->second;
  }

  void Write(size_t event, CellName name, const Text& value) {
    overlays_[event][std::move(name)] =
        value ? std::make_shared<const std::string>(*value) : nullptr;
  }

  // Fields of a map in byte order, those after `after` (nullopt = all).
  std::vector<std::pair<std::string, Stored>> Scan(size_t event, uint32_t state,
                                                   const std::string& key,
                                                   const Text& after) const {
    std::set<std::string> fields;
    const auto collect = [&](const Cells& cells) {
      for (auto at = cells.lower_bound({state, key, std::nullopt});
           at != cells.end() && at->first.state == state && at->first.key == key; ++at) {
        if (at->first.field) fields.insert(*at->first.field);
      }
    };
    collect(committed_);
    for (size_t i = 0; i <= event; ++i) collect(overlays_[i]);
    std::vector<std::pair<std::string, Stored>> entries;
    for (const std::string& field : fields) {
      if (after && field <= *after) continue;
      if (Stored value = Find(event, {state, key, field})) entries.emplace_back(field, value);
    }
    return entries;
  }

  // Makes the writes of one event permanent.
  void Apply(size_t event) {
    for (const auto& [name, value] : overlays_[event]) {
      if (value) {
        committed_[name] = value;
      } else {
        committed_.erase(name);
      }
    }
    overlays_[event].clear();
  }

 private:
  Cells committed_;
  std::vector<Cells> overlays_;  // one per event of the batch
};

}  // namespace millrace::testing
