// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include "bench/kafka/bare_consumer.h"
#include "check_topic.h"
#include "fill.h"
#include "loop.h"
#include "pace.h"

namespace millrace::load {

// What each verb prints; README.md here lists the fields.
boost::json::object ToJson(const Expected& expected);
boost::json::object ToJson(const Filled& filled);
boost::json::object ToJson(Cell cell, const CheckResult& result);
boost::json::object ToJson(const PaceSpec& spec, const PaceRun& run);
boost::json::object ToJson(const PacedSpec& spec, const PacedRun& run);  // feed
boost::json::object ToJson(const LoopRun& run);
boost::json::object ToJson(const bench::BareRun& run);

}  // namespace millrace::load
