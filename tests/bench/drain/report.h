// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/kafka/bare_consumer.h"
#include "host_run.h"
#include "input.h"

namespace millrace::drain {

// What was measured one right after the other, so that the ratios hold on a busy machine.
struct Round {
  bench::BareRun batches;
  bench::BareRun poll;
  HostRun direct;
  std::optional<HostRun> delayed = {};       // with every reply of Redis later
  std::optional<HostRun> exactly_once = {};  // under that delivery mode
};

// Runs on the same kind of input of several sizes.
struct Series {
  Input input;
  std::vector<HostRun> runs;
};

void PrintRound(size_t number, const Round& round);

// Medians over the rounds with their spread for people; the same as one object.
void PrintRounds(const Input& input, const std::vector<Round>& rounds);
boost::json::object ToJson(const Input& input, const std::vector<Round>& rounds);

void PrintSeries(const std::vector<Series>& series);
boost::json::object ToJson(const std::vector<Series>& series);

}  // namespace millrace::drain
