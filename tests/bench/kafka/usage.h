// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace::bench {

// CPU time of this process so far: user and system, every thread.
double OwnCpuSeconds();

}  // namespace millrace::bench
