// SPDX-License-Identifier: Apache-2.0
#include "kafka/offset_list.h"

#include <cstring>

namespace millrace::kafka {

PartitionListPtr ToList(std::span<const PartitionOffset> offsets) {
  PartitionListPtr list = NewPartitionList(static_cast<int>(offsets.size()));
  for (const PartitionOffset& offset : offsets) {
    auto* at =
        rd_kafka_topic_partition_list_add(list.get(), offset.at.topic.c_str(), offset.at.partition);
    at->offset = offset.offset;
    if (offset.metadata.empty()) continue;
    at->metadata_size = offset.metadata.size();
    at->metadata = rd_kafka_mem_malloc(nullptr, at->metadata_size);  // the list frees it
    std::memcpy(at->metadata, offset.metadata.data(), at->metadata_size);
  }
  return list;
}

CommittedOffset CommittedIn(const rd_kafka_topic_partition_t& answer) {
  CommittedOffset committed;
  if (answer.offset < 0) return committed;
  committed.offset = answer.offset;
  if (answer.metadata_size == 0) return committed;
  committed.metadata.assign(static_cast<const char*>(answer.metadata), answer.metadata_size);
  return committed;
}

}  // namespace millrace::kafka
