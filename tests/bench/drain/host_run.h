// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "input.h"
#include "services.h"

namespace millrace::drain {

// What the user may change about the host; each setting is "name: value" as in the reference.
struct HostSettings {
  std::vector<std::string> host;
  std::vector<std::string> kafka;
  std::vector<std::string> function;
};

struct HostRunSpec {
  const Programs* programs = nullptr;
  std::string folder;  // for the configuration and the log
  std::string name;    // unique among runs on these services; namespace, group and output topic
  std::string kafka;
  std::string redis;          // where we look
  std::string redis_of_host;  // where the host goes; the same, or by way of a proxy
  HostSettings settings;
  bool exactly_once = false;
};

// One life of the host. The window is from the first record that was ingested until all of them are
// applied and, exactly once, published, so start-up and joining the group lie before it; costs are
// per record of the window.
struct HostRun {
  double records_per_s = 0;
  double seconds = 0;    // the window
  double startup_s = 0;  // from its start until the first record
  double stop_s = 0;     // from SIGTERM until it had ended
  double cpu_s_per_million_host = 0;
  double cpu_s_per_million_store = 0;
  double cpu_s_host_total = 0;  // of its whole life
  double rss_mb = 0;            // peak
  double store_mb = 0;          // what the state added to Redis
  int64_t outputs = 0;
};

// Starts a host on an empty store, lets it drain the input, stops it, checks counts, sums and the
// number of outputs against the input, and removes what it left on the services. Throws if anything
// is not as it must be, with the end of the host's log on stderr.
HostRun MeasureHost(const HostRunSpec& spec, const Input& input);

}  // namespace millrace::drain
