// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "config/config.h"
#include "function/catalog.h"
#include "function/function_directory.h"

namespace millrace::app {

// The verb of this program that is the child of a probe; see function::RunProbe.
inline constexpr const char* kProbeVerb = "probe-library";

// How this program starts the child of a probe.
function::ProbeSettings ProbeByThisProgram();

// How the directory of a host with this configuration is followed.
function::DirectoryOptions DirectoryOptionsOf(const config::HostConfig& config,
                                              function::CatalogMode mode);

struct FoundFunction {
  FunctionSpec spec;
  std::shared_ptr<const function::CheckedCopy> library;
};

// One function of a configuration, declared there or in a file of its functions_dir, with its
// library probed; the libraries of others are not touched. kPoison: there is no such function, and
// which name is near; kFatal: it could not run, and why. Blocks on the disk and the probe.
Result<FoundFunction> FindFunction(const config::HostConfig& config, const std::string& name);

}  // namespace millrace::app
