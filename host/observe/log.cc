// SPDX-License-Identifier: Apache-2.0
#include "observe/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <ostream>
#include <string>
#include <utility>

namespace millrace::observe {
namespace {

constexpr std::array kLevels = {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn,
                                LogLevel::kError};

std::string OneLine(std::string_view message) {
  static constexpr char kHex[] = "0123456789abcdef";
  const bool cut = message.size() > kLogLineBytesMax;
  std::string line;
  line.reserve(message.size() + 16);
  for (const char c : message.substr(0, kLogLineBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else {
      line.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  if (cut) line += "... (cut)";
  return line;
}

class SpdlogLogger final : public Logger {
 public:
  SpdlogLogger(spdlog::sink_ptr sink, LogLevel level) : log_("millrace", std::move(sink)) {
    // The level is written by Log, because spdlog's own words for it differ.
    log_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc, "\n"));
    log_.set_error_handler([](const std::string&) {});
    log_.set_level(spdlog::level::trace);
    log_.flush_on(spdlog::level::trace);
    level_ = level;
  }

  void Log(LogLevel level, std::string_view message) override {
    if (level < level_) return;
    try {
      log_.log(spdlog::level::info, std::string(Name(level)).append(" ").append(OneLine(message)));
    } catch (const std::exception&) {  // no memory or no sink: the line is lost
    }
  }

 private:
  spdlog::logger log_;
  LogLevel level_;
};

}  // namespace

std::unique_ptr<Logger> MakeStderrLogger(LogLevel level) {
  return std::make_unique<SpdlogLogger>(std::make_shared<spdlog::sinks::stderr_sink_mt>(), level);
}

std::unique_ptr<Logger> MakeStreamLogger(std::ostream& out, LogLevel level) {
  return std::make_unique<SpdlogLogger>(std::make_shared<spdlog::sinks::ostream_sink_mt>(out),
                                        level);
}

std::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (const LogLevel level : kLevels) {
    if (Name(level) == name) return level;
  }
  return std::nullopt;
}

}  // namespace millrace::observe
