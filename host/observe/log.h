// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string_view>

#include "base/logger.h"

namespace millrace::observe {

// Loggers that write one line per message and flush it:
//   2026-11-24T01:02:03.004Z warn topic not found, asking again topic=wiki.edits
// The time is UTC. Control characters in a message are escaped, so that a message is one line, and
// messages over kLogLineBytesMax are cut and say so. Messages below `level` are dropped. Callable
// from any thread (a lock is held while a line is written); a line that cannot be written is lost.
inline constexpr size_t kLogLineBytesMax = 8 * 1024;

std::unique_ptr<Logger> MakeStderrLogger(LogLevel level);
// `out` must outlive the logger.
std::unique_ptr<Logger> MakeStreamLogger(std::ostream& out, LogLevel level);

// debug, info, warn, error.
std::string_view Name(LogLevel level);
std::optional<LogLevel> ParseLogLevel(std::string_view name);

}  // namespace millrace::observe
