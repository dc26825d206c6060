// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "app/lane_threads.h"
#include "app/lanes.h"
#include "base/logger.h"
#include "commit/group_offsets.h"
#include "http/invoke.h"

namespace millrace::app {

// What a host and the process that has a function's lanes say to each other, over one channel, as
// process::Pack has it. Nothing is said per record. Both are the same program.

// Descriptors of the child.
inline constexpr int kChannelFd = 3;
inline constexpr int kSlotsFd = 4;
inline constexpr int kLeaseFd = 5;

// A library as the child can load it.
struct LibraryToOpen {
  int number = 0;    // of the generation
  std::string copy;  // the private one, which no one changes
  std::string file;  // the user's, for messages
};

// The host's, first of all.
struct StartLanes {
  HostSettings settings;
  std::string redis_url;
  FunctionSpec spec;
  Delivery delivery = Delivery::kAtLeastOnce;
  bool needs_store = false;
  std::optional<int64_t> memory_bytes_max;  // absent: none, or bounded from outside
  LibraryToOpen library;
};

// The host's.
struct AssignTask {
  int lane = 0;
  lane::TaskAssignment task;
};
struct RevokeTask {
  int lane = 0;
  int32_t partition = 0;
};
struct AbandonTask {
  int lane = 0;
  int32_t partition = 0;
};
struct SwapLibrary {
  LibraryToOpen library;
};
// To AskOffsets.
struct OffsetsAnswer {
  int lane = 0;
  int32_t partition = 0;
  uint64_t request = 0;
  std::optional<Error> error;  // else:
  std::vector<commit::StartingPoint> points;
};
struct InvokeHandler {
  uint64_t id = 0;
  http::InvokeEvent event;
};
using ToLanes = std::variant<StartLanes, AssignTask, RevokeTask, AbandonTask, SwapLibrary,
                             OffsetsAnswer, InvokeHandler>;

// The lanes'.
struct ReportLanes {
  std::vector<LaneReport> reports;  // by lane
  std::vector<uint64_t> commands;   // by lane: how many of the host's were done before
  bool open = false;                // the first library
};
struct AskOffsets {
  int lane = 0;
  int32_t partition = 0;
  uint64_t request = 0;
};
struct CommitOffsets {
  int lane = 0;
  std::vector<PartitionOffset> offsets;
};
struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;
};
struct InvokeAnswer {
  uint64_t id = 0;
  http::InvokeResult result;
};
using FromLanes = std::variant<ReportLanes, AskOffsets, CommitOffsets, LogLine, InvokeAnswer>;

}  // namespace millrace::app
