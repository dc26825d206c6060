// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "kafka/handle.h"

namespace millrace::kafka {

// Private to this folder.

using GroupMetadataPtr = std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                                         DestroyWith<rd_kafka_consumer_group_metadata_destroy>>;

// The member's group metadata at this moment, as the library serialises it: read between an
// assignment and its acceptance it is that assignment's. Refused unless CheckGroupMetadata takes
// it.
Result<std::string> ReadGroupMetadata(rd_kafka_t* consumer);

// Refuses what a broker would take without looking: no group generation, or no member id. Such
// offsets could overwrite those of the rightful owner.
Status CheckGroupMetadata(std::string_view serialised);

// The library's object again; refused like CheckGroupMetadata does.
Result<GroupMetadataPtr> ParseGroupMetadata(std::string_view serialised);

}  // namespace millrace::kafka
