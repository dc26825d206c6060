// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "expectation.h"
#include "record.h"

namespace millrace::load {

struct FillSpec {
  std::string brokers;
  std::string topic;
  int partitions = 4;
  int64_t records = 0;
  int64_t first_tag = 0;  // index of the first record
  RecordSpec record;
};

struct Filled {
  Expected expected;
  double seconds = 0;
  int64_t offsets_before = 0;  // what the topic held already
};

// Makes the topic if it is absent and sends the records, each once, in order. Throws on failure.
Filled Fill(const FillSpec& spec);
// The same without a broker.
Expected Expect(const FillSpec& spec);

}  // namespace millrace::load
