// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "app/process.h"

namespace millrace::app {

// The verb of this program that has the lanes of one function; see LaneProcess.
inline constexpr const char* kLanesVerb = "run-lanes";

// Has the lanes of one function in this process until the host `parent` closes the channel, or
// ends. Descriptors: lane_protocol.h. Call it once, from the main thread, before any other thread
// exists; leave the process with _exit, so that nothing of the library runs after it.
int RunLanes(pid_t parent);

}  // namespace millrace::app
