// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::process {

// Files of /proc and /sys: small, there already, and what is written takes effect at once, by one
// write(). Callable from any thread. An error names the file and the system's reason.

Result<std::string> ReadSystemFile(const std::string& path);

// Never creates the file. Failed: nothing has changed.
Status WriteSystemFile(const std::string& path, std::string_view text);

// "what: the system's words for the code"; nothing but a change from outside helps.
Error SystemError(const std::string& what, int code);

}  // namespace millrace::process
