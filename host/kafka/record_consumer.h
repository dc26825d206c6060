// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "ingest/record_source.h"
#include "kafka/client_options.h"

namespace millrace::kafka {

struct RecordConsumerOptions {
  ClientOptions client;
  std::string group;  // the function's; needed to assign, never joined
  // What is prefetched at most over all partitions of the lane, in payload bytes and in records; a
  // queued record costs about 0.4 KiB beside its payload. Both are divided by
  // `partitions_expected`, because the library bounds each partition queue by itself, once, at
  // creation; a partition may exceed its share by one fetch (fetch.message.max.bytes). A full queue
  // is looked at again every 50 ms (the user's topic.metadata.refresh.interval.ms or
  // fetch.queue.backoff.ms, if set), so `queued_records` bounds the rate: 80,000 = 1.6 M/s.
  int64_t queue_bytes = 32 * 1024 * 1024;
  int queued_records = 80'000;
  int partitions_expected = 4;
  // Non-blocking eventfd, written when an empty partition has got something to pop or Serve has
  // something to do; -1 = none. Must outlive the source.
  int wake_fd = -1;
};

// A lane's consumer: assigns partitions one by one and pops each partition's own queue in batches.
// Reads committed records only. Belongs to one lane's thread; partitions may outlive the source.
// A failure is kFatal and names the property at fault; a broker that is away is no failure.
Result<std::unique_ptr<ingest::RecordSource>> MakeRecordConsumer(
    const RecordConsumerOptions& options);

}  // namespace millrace::kafka
