// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ingest/task_input.h"
#include "lane/lane_settings.h"
#include "model/crash.h"

namespace millrace::lane {

// How the coming events of one ownership are called, after what is known of crashes: one that has
// ended the process too often is not called, and those that were in a call of several when it ended
// are called alone, so that the next crash names one of them. Without crashes it is idle, and costs
// an event nothing. One task, its thread.
class CrashWatch {
 public:
  // `crashes`: of the task, at or above where it begins. Both are copied from.
  CrashWatch(const TaskAssignment& task, const std::vector<TopicCrash>& crashes, int max_crashes);

  bool idle() const { return charged_.empty() && alone_left_ == 0; }
  // How many of the coming events, of which there is one at least, may be called together. 0: the
  // first of them may not be called at all by the library with `hash12`; see `charged`.
  size_t CallMax(std::span<const ingest::InputEvent> coming, std::string_view hash12);
  // What is charged to the event, if that forbids it to the library with `hash12`.
  const CrashCount* charged(const ingest::InputEvent& event, std::string_view hash12) const;

 private:
  struct Place {
    uint32_t topic = 0;  // index into the task's topics
    int64_t offset = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Charged {
    uint32_t topic = 0;
    CrashCount crash;
  };
  static Place PlaceOf(const ingest::InputEvent& event) {
    return {.topic = event.topic, .offset = event.record->offset};
  }
  bool IsMarked(const ingest::InputEvent& event) const {
    return event.topic == marked_.topic && event.record->offset >= marked_.offset;
  }
  size_t AloneMax(std::span<const ingest::InputEvent> coming);

  std::vector<Charged> charged_;  // at most one per topic
  // Of a call of several events:
  Place marked_;               // its first event
  uint32_t alone_left_ = 0;    // events, from the marked one on
  bool one_topic_ = true;      // else events may come in another order than before
  std::optional<Place> last_;  // that was alone
};

}  // namespace millrace::lane
