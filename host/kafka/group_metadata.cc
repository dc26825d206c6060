// SPDX-License-Identifier: Apache-2.0
#include "kafka/group_metadata.h"

#include <cstring>

namespace millrace::kafka {
namespace {

// The library's form has no getters before 2.4: "CGMDv2:", i32 generation as the machine has it,
// group id, NUL, member id, NUL, and what a static member has.
constexpr std::string_view kForm = "CGMDv2:";

}  // namespace

Status CheckGroupMetadata(std::string_view serialised) {
  int32_t generation = 0;
  if (!serialised.starts_with(kForm) || serialised.size() < kForm.size() + sizeof(generation)) {
    return Fatal(std::string("group metadata is in a form that is not known (librdkafka ") +
                 rd_kafka_version_str() + ")");
  }
  serialised.remove_prefix(kForm.size());
  std::memcpy(&generation, serialised.data(), sizeof(generation));
  serialised.remove_prefix(sizeof(generation));
  if (generation < 0) return Retriable("the member is in no group generation");
  const size_t group_end = serialised.find('\0');
  const std::string_view member =
      group_end == std::string_view::npos ? "" : serialised.substr(group_end + 1);
  if (member.empty() || member.front() == '\0') return Retriable("the member has no member id");
  return {};
}

Result<std::string> ReadGroupMetadata(rd_kafka_t* consumer) {
  const GroupMetadataPtr metadata(rd_kafka_consumer_group_metadata(consumer));
  if (!metadata) return Retriable("the member is in no group");
  void* buffer = nullptr;
  size_t size = 0;
  const ErrorPtr error(rd_kafka_consumer_group_metadata_write(metadata.get(), &buffer, &size));
  if (error) return Fatal(rd_kafka_error_string(error.get()));
  std::string serialised(static_cast<const char*>(buffer), size);
  rd_kafka_mem_free(consumer, buffer);
  if (Status status = CheckGroupMetadata(serialised); !status) return status.error();
  return serialised;
}

Result<GroupMetadataPtr> ParseGroupMetadata(std::string_view serialised) {
  if (Status status = CheckGroupMetadata(serialised); !status) return status.error();
  rd_kafka_consumer_group_metadata_t* metadata = nullptr;
  const ErrorPtr error(
      rd_kafka_consumer_group_metadata_read(&metadata, serialised.data(), serialised.size()));
  if (error) return Fatal(rd_kafka_error_string(error.get()));
  return GroupMetadataPtr(metadata);
}

}  // namespace millrace::kafka
