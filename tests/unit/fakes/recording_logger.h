// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/logger.h"

namespace millrace::fakes {

// One thread.
class RecordingLogger final : public Logger {
 public:
  using Logger::Log;
  void Log(LogLevel, std::string_view message) override { lines.emplace_back(message); }

  std::vector<std::string> lines;
};

}  // namespace millrace::fakes
