// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/bytes.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {
inline namespace sdk {

using Millis = std::chrono::milliseconds;

// What happened. A view of the host's memory: it and all that it returns are valid until the
// handler returns.
class Event {
 public:
  explicit Event(const mr_event* event) : event_(event) {}

  Bytes key() const { return Bytes(event_->key); }
  Bytes value() const { return Bytes(event_->value); }
  bool is_tombstone() const { return event_->value.data == nullptr; }

  std::string_view topic() const { return Bytes(event_->source); }
  int32_t partition() const { return event_->partition; }
  int64_t offset() const { return event_->offset; }
  uint32_t attempt() const { return event_->attempt; }          // 1 = first time
  Millis time() const { return Millis(event_->timestamp_ms); }  // event time, since the epoch

  uint64_t header_count() const { return event_->header_count; }
  Header header(uint64_t at) const {
    const mr_header& header = event_->headers[at];
    return {Bytes(header.name), Bytes(header.value)};
  }
  // The last header of that name, as Kafka's own clients have it; nullopt if there is none.
  std::optional<Bytes> header(std::string_view name) const {
    for (uint64_t at = event_->header_count; at > 0; --at) {
      const mr_header& header = event_->headers[at - 1];
      if (Bytes(header.name).view() == name) return Bytes(header.value);
    }
    return std::nullopt;
  }

  const mr_event* raw() const { return event_; }

 private:
  const mr_event* event_;
};

}  // namespace sdk
}  // namespace millrace
