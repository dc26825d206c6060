// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "input.h"

namespace millrace::drain {

// What reading costs when nothing is done with the records.
struct BareRun {
  double records_per_s = 0;  // from the first record to the last
  double cpu_s_per_million = 0;
};

// One librdkafka consumer with its default limits, counting bytes: with split partition queues
// popped in batches, or by rd_kafka_consumer_poll, record by record. Throws if bytes are missing.
BareRun ConsumeInBatches(const std::string& bootstrap, const Input& input);
BareRun ConsumeByPoll(const std::string& bootstrap, const Input& input);

}  // namespace millrace::drain
