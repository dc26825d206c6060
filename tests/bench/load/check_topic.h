// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "record.h"
#include "topic_check.h"

namespace millrace::load {

struct CheckSpec {
  std::string brokers;
  std::string topic;
  Cell cell = Cell::kPassThrough;
  int64_t patience_seconds = 10;  // that an open transaction is waited for
};

// Sums up what a topic holds, from its beginning to where it ends at the call. Throws on failure.
CheckResult CheckTopic(const CheckSpec& spec);

}  // namespace millrace::load
