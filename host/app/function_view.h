// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "app/host.h"
#include "http/function_status.h"
#include "observe/function_metrics.h"

namespace millrace::app {

// A function's report as the HTTP API, the readiness check and the metrics show it. Pure.
http::FunctionStatus StatusOf(const std::string& name, const HostedFunction& function);
std::vector<std::string> ReasonsAgainst(const std::string& name, const HostedFunction& function);
observe::FunctionMetrics MetricsOf(const std::string& name, const HostedFunction& function,
                                   int64_t now_unix_ms);

}  // namespace millrace::app
