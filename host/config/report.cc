// SPDX-License-Identifier: Apache-2.0
#include "config/report.h"

namespace millrace::config {
namespace {

// Keys come from the file: a message stays one line, whatever they hold.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace

std::string ToString(const ConfigError& error) {
  if (error.line == 0) return error.file + ": error: " + error.what;
  return error.file + ":" + std::to_string(error.line) + ":" + std::to_string(error.column) +
         ": error: " + error.what;
}

void Report::Add(At at, std::string what, ConfigError::Kind kind) {
  if (errors_->size() > kErrorsMax) return;
  if (errors_->size() == kErrorsMax) {
    what = "more errors than the " + std::to_string(kErrorsMax) + " shown; mend these first";
    kind = ConfigError::Kind::kInvalid;
  }
  errors_->push_back({file_, at.line, at.column, OneLine(std::move(what)), kind});
}

}  // namespace millrace::config
