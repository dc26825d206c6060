// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace millrace::bench {

struct BareSpec {
  std::string bootstrap;
  std::string topic;
  int partitions = 4;
  int64_t records = 0;
  int64_t bytes = 0;  // of keys and values together; 0: any number
};

// What reading costs when nothing is done with the records.
struct BareRun {
  double records_per_s = 0;  // from the first record to the last
  double cpu_s_per_million = 0;
};

// One librdkafka consumer with its default limits, counting bytes: with split partition queues
// popped in batches, or by rd_kafka_consumer_poll, record by record. Throws if bytes are
// missing.
BareRun ConsumeInBatches(const BareSpec& spec);
BareRun ConsumeByPoll(const BareSpec& spec);

}  // namespace millrace::bench
