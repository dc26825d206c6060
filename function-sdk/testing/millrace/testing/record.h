// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::testing {

// Owned bytes; nullopt is null.
using Text = std::optional<std::string>;

inline Text Copy(mr_slice slice) {
  return slice.data ? Text(std::string(slice.data, slice.size)) : std::nullopt;
}
inline mr_slice Borrow(std::string_view bytes) {
  return {bytes.data() ? bytes.data() : "", bytes.size()};
}
inline mr_slice Borrow(const Text& text) {
  return text ? Borrow(std::string_view(*text)) : mr_slice{nullptr, 0};
}

using Headers = std::vector<std::pair<std::string, Text>>;

// What a test sends.
struct Record {
  Text key;
  Text value;
  int64_t time_ms = -1;  // -1 = the time of the record before
  Headers headers{};
  uint32_t attempt = 1;
};

// What the handler emitted, as it asked for it.
struct Emitted {
  std::string output;
  Text key;
  Text value;
  int32_t partition = -1;  // -1 = by the key
  int64_t timestamp_ms = 0;
  Headers headers{};

  friend bool operator==(const Emitted&, const Emitted&) = default;
};

struct LogLine {
  uint32_t level;
  std::string text;
};

// What became of one event. Nothing is emitted unless the outcome is MR_DONE.
struct Result {
  int32_t outcome = MR_FATAL;
  std::string reason{};
  std::vector<Emitted> emitted{};
  std::vector<LogLine> logs{};
};

// The host that a test wants.
struct HostOptions {
  std::map<std::string, std::string> config{};  // by dotted path, scalars as text
  std::string function = "test";
  std::string topic = "in";
  int32_t partition = 0;
  int32_t output_partitions = 4;
  uint64_t effect_bytes_max = 1024 * 1024;  // of one event
};

}  // namespace millrace::testing
