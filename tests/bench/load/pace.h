// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "histogram.h"
#include "paced_sender.h"
#include "record.h"

namespace millrace::load {

struct PaceSpec {
  std::string brokers;
  std::string input;
  std::string output;
  Cell cell = Cell::kPassThrough;
  int64_t rate = 1000;  // records per second
  int64_t seconds = 30;
  int64_t warmup_seconds = 5;  // of those
  RecordSpec record;
};

struct PaceRun {
  PacedRun sending;
  int64_t received = 0;  // records whose output came, each once
  int64_t repeated = 0;  // outputs that came again
  Histogram latency_ns;  // from the intended time, those after the warm-up
  double cpu_seconds = 0;
};

// An open loop: sends to the input on a schedule that no reply can move, and waits for the outputs
// of whatever engine is running, at the end for 30 s. Throws on failure; what is missing is none.
PaceRun Pace(const PaceSpec& spec);

}  // namespace millrace::load
