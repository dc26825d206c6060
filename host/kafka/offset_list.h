// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "kafka/handle.h"
#include "model/task.h"

namespace millrace::kafka {

// With the offsets' metadata, which the list owns.
PartitionListPtr ToList(std::span<const PartitionOffset> offsets);

// What the group has committed for a partition, as rd_kafka_committed has answered it.
struct CommittedOffset {
  std::optional<int64_t> offset;  // absent: none
  std::string metadata;
};
CommittedOffset CommittedIn(const rd_kafka_topic_partition_t& answer);

}  // namespace millrace::kafka
