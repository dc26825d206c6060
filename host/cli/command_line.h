// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace::cli {

// The program: run, dev, check, invoke, state, function, version. Returns the exit code: 0 done, 1
// failure, 2 usage, 69 dependency unavailable, 78 configuration. Call it once, from the main
// thread.
int Main(int argc, char** argv);

}  // namespace millrace::cli
