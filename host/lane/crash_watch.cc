// SPDX-License-Identifier: Apache-2.0
#include "lane/crash_watch.h"

#include <algorithm>

#include "lane/ownership.h"

namespace millrace::lane {
namespace {

// More than a batch can hold is no count of events.
constexpr uint32_t kTogetherMax = 100'000;

}  // namespace

CrashWatch::CrashWatch(const TaskAssignment& task, const std::vector<TopicCrash>& crashes,
                       int max_crashes)
    : one_topic_(task.topics.size() == 1) {
  for (uint32_t topic = 0; topic < task.topics.size(); ++topic) {
    for (const TopicCrash& known : crashes) {
      if (known.topic != task.topics[topic].topic || known.crash.count < max_crashes) continue;
      charged_.push_back({.topic = topic, .crash = known.crash});
    }
    if (!task.crash || task.crash->together < 2) continue;
    if (task.crash->topic != task.topics[topic].topic) continue;
    marked_ = {.topic = topic, .offset = task.crash->offset};
    alone_left_ = std::min(task.crash->together, kTogetherMax);
  }
}

size_t CrashWatch::CallMax(std::span<const ingest::InputEvent> coming, std::string_view hash12) {
  std::erase_if(charged_, [&](const Charged& known) {
    const Place next = PlaceOf(coming.front());
    return next.topic == known.topic && next.offset > known.crash.offset;
  });
  const auto forbidden = std::find_if(coming.begin(), coming.end(), [&](const auto& event) {
    return charged(event, hash12) != nullptr;
  });
  const auto before = static_cast<size_t>(forbidden - coming.begin());
  return before == 0 ? 0 : std::min(before, AloneMax(coming));
}

const CrashCount* CrashWatch::charged(const ingest::InputEvent& event,
                                      std::string_view hash12) const {
  for (const Charged& known : charged_) {
    if (known.topic != event.topic || known.crash.offset != event.record->offset) continue;
    if (known.crash.hash12 == hash12) return &known.crash;
  }
  return nullptr;
}

size_t CrashWatch::AloneMax(std::span<const ingest::InputEvent> coming) {
  if (alone_left_ == 0) return kNoLimit;
  if (!last_ && !IsMarked(coming.front())) {
    if (!one_topic_) return 1;
    const auto marked = std::find_if(coming.begin(), coming.end(),
                                     [&](const auto& event) { return IsMarked(event); });
    return static_cast<size_t>(marked - coming.begin());
  }
  const Place next = PlaceOf(coming.front());
  if (last_ && *last_ != next) --alone_left_;  // the one before is through
  last_ = next;
  return alone_left_ == 0 ? kNoLimit : 1;
}

}  // namespace millrace::lane
