// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "record.h"

namespace millrace::load {

struct FollowSpec {
  std::string brokers;
  std::string topic;
  Cell cell = Cell::kAggregate;
};

// Reads the outputs of an engine that is fed with intended times as tags, from where the topic ends
// now, committed records only. Whenever some have come, one line: when (CLOCK_MONOTONIC, ns), how
// many so far, and the newest intended time among them. Until `stop` says so; gives their number.
// Throws on failure.
int64_t Follow(const FollowSpec& spec, const std::function<bool()>& stop, std::ostream* lines);

}  // namespace millrace::load
