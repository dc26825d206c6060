// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "state/state_reader.h"
#include "unit/fakes/fake_database.h"

namespace millrace::fakes {

// A state::ReadItem as it travels: its own copy.
struct ReadItemCopy {
  uint32_t state;
  std::string key;
  OwnedBytes field;
};

// What a read adds last.
inline void AddEpoch(const StoredTask& task, state::ReadReply* reply) {
  if (!task.epoch.empty()) reply->epoch = reply->bytes.Copy(Slice(task.epoch));
}

inline state::Found FindMap(const std::map<std::string, std::string>& map, size_t bytes_max,
                            state::ReadReply* reply) {
  size_t bytes = 0;
  for (const auto& [field, value] : map) bytes += field.size() + value.size();
  if (bytes > bytes_max) return {.what = state::Found::What::kLargeMap, .value = {}};
  const state::Found found{.what = state::Found::What::kMap,
                           .value = {},
                           .first_entry = static_cast<uint32_t>(reply->entries.size()),
                           .entry_count = static_cast<uint32_t>(map.size())};
  for (const auto& [field, value] : map) {
    reply->entries.push_back({reply->bytes.Copy(Slice(field)), reply->bytes.Copy(Slice(value))});
  }
  return found;
}

// Adds the answer for one item to `reply`.
inline void Find(const StoredTask& task, const ReadItemCopy& item, size_t map_bytes_max,
                 state::ReadReply* reply) {
  using What = state::Found::What;
  state::Found found;
  const auto value = task.values.find({item.state, item.key});
  const auto map = task.maps.find({item.state, item.key});
  if (item.field && map != task.maps.end()) {
    if (const auto field = map->second.find(*item.field); field != map->second.end()) {
      found = {.what = What::kValue, .value = reply->bytes.Copy(Slice(field->second))};
    }
  } else if (!item.field && map != task.maps.end() && !map->second.empty()) {
    found = FindMap(map->second, map_bytes_max, reply);
  } else if (!item.field && value != task.values.end()) {
    found = {.what = What::kValue, .value = reply->bytes.Copy(Slice(value->second))};
  }
  reply->found.push_back(found);
}

}  // namespace millrace::fakes
