// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string>

namespace millrace {

// "what: why", with the system's words for an errno.
inline std::string SystemText(const std::string& what, int code) {
  return what + ": " + std::strerror(code);  // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

}  // namespace millrace
