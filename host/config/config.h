// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config_error.h"
#include "config/names.h"
#include "model/function_spec.h"

namespace millrace::config {

// Whose signature a library needs, and keeps, to be run.
struct TrustConfig {
  bool require = false;
  std::vector<std::string> keys;  // ed25519 public keys, in base64: raw or DER
};

// Everything that YAML says about one host. A value; made without YAML it is the default
// configuration. Relative paths are relative to the working folder of the process. `kafka` and
// `redis_url` may hold secrets: they go to their adapters and nowhere else.
struct HostConfig {
  std::string namespace_name = "default";
  std::string id;  // empty = host name + "-" + HTTP port, filled in once the port is known
  std::string functions_dir = "./functions";
  std::string cache_dir = "./.millrace";
  Millis drain_timeout{30'000};
  ListenAddress http{"127.0.0.1", 8080};
  int64_t lane_queue_bytes = 64 * 1024 * 1024;   // a lane's prefetch, over all its partitions
  int64_t lane_output_bytes = 32 * 1024 * 1024;  // a lane's unacknowledged outputs

  // librdkafka's properties as text; none that the protocol owns. session.timeout.ms and
  // heartbeat.interval.ms are here only when the file sets them.
  std::map<std::string, std::string> kafka{{"bootstrap.servers", "127.0.0.1:9092"}};
  std::string redis_url = "redis://127.0.0.1:6379/0";

  TrustConfig trust;

  std::vector<FunctionSpec> functions;  // in the order of the files; names and groups are unique
};

// Reads a file, or every *.yaml and *.yml of a folder in name order, merged: `host`, `kafka`,
// `redis` and each function may be given once, in any document. All errors of all files are found
// in one run. Neither prints nor exits; blocks on the file system only. Any thread.
ConfigResult<HostConfig> LoadConfig(const std::string& path);

// Reads one file of functions_dir, which holds `functions:` and nothing else. `namespace_name` is
// the host's; groups default by it. Whether a name or group is taken by another file is the
// caller's to check (CheckUnique).
ConfigResult<std::vector<FunctionSpec>> LoadFunctions(const std::string& path,
                                                      const std::string& namespace_name);

// What forbids these functions to run in one host: a name or a group that comes twice, named with
// both places. Empty = nothing.
ConfigErrors CheckUnique(const std::vector<FunctionSpec>& functions);

}  // namespace millrace::config
