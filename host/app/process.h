// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/logger.h"
#include "config/config.h"
#include "function/catalog.h"

namespace millrace::app {

// Exit codes of the program.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitConfiguration = 78;

enum class Backend {
  kServices,  // the Kafka and the Redis of the configuration
  kEmbedded,  // a mock broker and a memory store inside this process: nothing lasts
};

struct ProcessOptions {
  config::HostConfig config;
  function::CatalogMode mode = function::CatalogMode::kRun;
  Backend backend = Backend::kServices;
};

// The name of this machine, which hosts without an id of their own are called by.
std::string HostName();

// Runs a host in this process until SIGTERM or SIGINT, drains it within the drain time-out, and
// returns the exit code. A second signal ends the process at once. Prints HTTP= and, with the
// embedded backend, KAFKA= on standard output when both can be used. Call it once, from the main
// thread, before any other thread exists.
int RunProcess(ProcessOptions options, Logger* log);

}  // namespace millrace::app
