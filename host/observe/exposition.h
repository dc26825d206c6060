// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "observe/function_metrics.h"

namespace millrace::observe {

// The snapshot in Prometheus text format 0.0.4, described in docs/metrics.md. Families without a
// series are left out. Pure; called by whoever answers a scrape, never on the record path.
std::string RenderMetrics(const MetricsSnapshot& snapshot);

}  // namespace millrace::observe
