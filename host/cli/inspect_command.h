// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace millrace::cli {

// Prints what a library file says of itself and whether a host would take it, without one: a line
// per fact (file, sha256, size, owner, abi, function, state, uses, triggers, probe), on standard
// output. The library is loaded in a child process only, from a copy that is removed again.
// 0 a host would take it, 1 it would not (the reason goes to standard error).
int Inspect(const std::string& file);

}  // namespace millrace::cli
