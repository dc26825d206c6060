// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace millrace {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// One `key=value` of a log line.
struct LogField {
  std::string_view key;
  std::string value;
};

// Where a component writes what an operator should read. Implementations take calls from any thread
// and never fail towards the caller. A message says what happened, where and what to do; it never
// holds a key, a value or a header of an event, nor a secret.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Log(LogLevel level, std::string_view message) = 0;

  void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    Log(level, WithFields(message, fields));
  }

  void Debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kInfo, message, fields);
  }
  void Warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kWarn, message, fields);
  }
  void Error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kError, message, fields);
  }

 private:
  // A value with a space, a quote or an equals sign, and an empty one, is put in double quotes.
  static std::string WithFields(std::string_view message, std::initializer_list<LogField> fields) {
    std::string line(message);
    for (const LogField& field : fields) {
      line.append(" ").append(field.key).append("=");
      const bool plain =
          !field.value.empty() && field.value.find_first_of(" \"=\\") == std::string::npos;
      if (plain) {
        line += field.value;
        continue;
      }
      line += '"';
      for (const char c : field.value) {
        if (c == '"' || c == '\\') line += '\\';
        line += c;
      }
      line += '"';
    }
    return line;
  }
};

}  // namespace millrace
