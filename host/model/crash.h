// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// One death of a function's process while its handler had events of a task. Who hands a task over
// makes it from what the process left behind.
struct CrashMark {
  std::string topic;
  int64_t offset = 0;     // of the event; of several that were handled in one call, the first
  uint32_t together = 1;  // events of that call, of all topics of the task; 1: it alone
  std::string hash12;     // of the library that ran
  std::string id;         // names this death and no other; hex digits

  friend bool operator==(const CrashMark&, const CrashMark&) = default;
};

// Deaths that are charged to one event: what is kept per topic of a task, until the event is
// applied.
struct CrashCount {
  int64_t offset = 0;
  int count = 0;
  std::string hash12;  // of the library that ran
  std::string ids;     // of the last deaths that were counted, the newest last, with commas

  friend bool operator==(const CrashCount&, const CrashCount&) = default;
};

struct TopicCrash {
  std::string topic;
  CrashCount crash;

  friend bool operator==(const TopicCrash&, const TopicCrash&) = default;
};

// Whether it can be kept as text between spaces, and names one event or several.
inline bool IsSound(const CrashMark& mark) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto is_word = [&](const std::string& word) {
    return !word.empty() && word.find_first_not_of(kHex) == std::string::npos;
  };
  return mark.offset >= 0 && mark.together > 0 && is_word(mark.hash12) && is_word(mark.id);
}

// How many ids are kept: of hosts that tell of a death each and may have to tell of it again.
inline constexpr ptrdiff_t kCrashIdsMax = 8;

inline bool HasCounted(const CrashCount& kept, const std::string& id) {
  return ("," + kept.ids + ",").find("," + id + ",") != std::string::npos;
}

// What is to be kept once `mark` is counted. A death is counted once, however often it is told;
// another event or another library begins at 1.
inline CrashCount Counted(const std::optional<CrashCount>& kept, const CrashMark& mark) {
  if (kept && HasCounted(*kept, mark.id)) return *kept;
  CrashCount crash{.offset = mark.offset, .count = 1, .hash12 = mark.hash12, .ids = mark.id};
  if (!kept || kept->offset != mark.offset || kept->hash12 != mark.hash12) return crash;
  crash.count = kept->count + 1;
  crash.ids = kept->ids + "," + mark.id;
  if (std::count(crash.ids.begin(), crash.ids.end(), ',') >= kCrashIdsMax) {
    crash.ids.erase(0, crash.ids.find(',') + 1);
  }
  return crash;
}

// What a store keeps by topic, after an acquire. An event below `applied` is done: nothing is kept
// of it, and a mark of it takes nobody's place.
inline void CountCrash(const std::optional<CrashMark>& mark,
                       const std::map<std::string, int64_t>& applied,
                       std::map<std::string, CrashCount>* kept) {
  const auto is_done = [&](const std::string& topic, int64_t offset) {
    const auto done = applied.find(topic);
    return done != applied.end() && offset < done->second;
  };
  if (mark && !is_done(mark->topic, mark->offset)) {
    const auto known = kept->find(mark->topic);
    (*kept)[mark->topic] =
        Counted(known == kept->end() ? std::nullopt : std::optional(known->second), *mark);
  }
  std::erase_if(*kept, [&](const auto& each) { return is_done(each.first, each.second.offset); });
}

}  // namespace millrace
