// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/lane_limits.h"
#include "app/lane_store.h"
#include "app/lane_threads.h"
#include "base/clock.h"
#include "base/logger.h"
#include "function/loaded_libraries.h"

namespace millrace::app {

// How functions get processes of their own.
struct LaneProcesses {
  std::vector<std::string> command;  // of RunLanes
  std::string redis_url;
  LaneLimits* limits = nullptr;
};

// What every function of a host shares. Outlives them.
struct HostServices {
  HostSettings settings;
  std::optional<LaneProcesses> processes =
      std::nullopt;                                // absent: every function runs in this process
  function::LoadedLibraries* libraries = nullptr;  // of this process
  // Where functions of this process note what is in flight, for the process that comes after a
  // crash; empty: nowhere.
  std::string in_flight_dir = {};
  StoreFactory store;
  bool transactions = true;  // false: the broker does not keep them
  Logger* log = nullptr;
  const Clock* clock = nullptr;
};

}  // namespace millrace::app
