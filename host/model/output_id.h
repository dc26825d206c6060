// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/slice.h"

namespace millrace {

// Name of the header that every output of a function carries, after the handler's own headers. Its
// value is function/topic/partition/offset/index: the event that made the output, and the output's
// place among those of its event. The same on every run of the event.
inline constexpr std::string_view kOutputIdHeader = "millrace-id";

struct OutputId {
  Slice source;  // function/topic/partition: outputs of one source are written in order
  int64_t offset = 0;
  uint32_t index = 0;
};

// The source of what `function` makes of the events of one partition.
std::string OutputSource(const std::string& function, const std::string& topic, int32_t partition);

// Borrows from `id`. Absent: not an id, or one that says nothing about order.
std::optional<OutputId> ParseOutputId(Slice id);

// source/offset/index. Written over `text`, whose capacity is kept; borrows from it.
Slice FormatOutputId(const OutputId& id, std::string* text);

}  // namespace millrace
