// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace millrace::load {

enum class Delivery { kAtLeastOnce, kExactlyOnce };

struct LoopSpec {
  std::string brokers;
  std::string input;
  std::string output;
  std::string group;
  Delivery delivery = Delivery::kAtLeastOnce;
  int64_t commit_interval_ms = 100;
  bool as_host = false;    // records like the host's, see OutputTopic
  bool until_end = false;  // of the input as it was at the start; else until SIGTERM
};

struct LoopRun {
  int64_t records = 0;
  int64_t commits = 0;
  double seconds = 0;      // from the first record to the last commit
  double cpu_seconds = 0;  // in that time
};

// Copies a topic to another with nothing in between: what no engine on librdkafka can surpass.
// Reads every partition from its beginning, whatever the group's offsets are. Throws on failure.
LoopRun Loop(const LoopSpec& spec);

}  // namespace millrace::load
