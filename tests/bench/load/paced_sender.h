// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "record.h"
#include "schedule.h"

namespace millrace::load {

enum class Tags { kIndex, kIntendedTime };

struct PacedSpec {
  std::string brokers;
  std::string topic;
  RecordSpec record;
  Schedule schedule;
  int64_t first_index = 0;  // of the record that the schedule counts as 0
  int64_t records = INT64_MAX;
  Tags tags = Tags::kIndex;
};

struct PacedRun {
  int64_t sent = 0;
  double seconds = 0;          // until the last one was handed over
  double send_lag_ms_max = 0;  // the longest that a record was handed over after its time
};

// Sends records on the schedule in steps of a millisecond until all are sent or `stop` says so.
// What could not be sent in time follows as fast as it can. Returns when the broker has
// acknowledged all of it; throws on failure.
PacedRun SendPaced(const PacedSpec& spec, const std::function<bool()>& stop);

}  // namespace millrace::load
