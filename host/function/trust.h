// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "function/library_cache.h"

namespace millrace::function {

// What is done about a library file that others than root and the host's own user can write.
enum class OwnerCheck {
  kRefuse,  // `run`
  kWarn,    // `dev`
};

// Why the file of these bytes may hold what neither root nor the user `own` (the host's effective
// one) put there, and what to do about it: it belongs to somebody else, or its group or everybody
// may write it. Absent when neither is so. Owner and mode are of the descriptor that the bytes were
// read through. The folders above it are not looked at. Pure.
std::optional<std::string> OwnerProblem(const LibraryBytes& library, uid_t own);

}  // namespace millrace::function
