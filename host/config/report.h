// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "config/config_error.h"

namespace millrace::config {

// A place in the file being read; line 0 = the file as a whole.
struct At {
  int line = 0;
  int column = 0;
};

// Collects what is wrong with one file. Many reports may share one list; the list never grows
// beyond kErrorsMax + 1 (the last says that there are more).
class Report {
 public:
  Report(std::string file, ConfigErrors* errors) : file_(std::move(file)), errors_(errors) {}

  void Invalid(At at, std::string what) { Add(at, std::move(what), ConfigError::Kind::kInvalid); }

  // `subject` is what the file asked for, for instance "functions.page-edits.retry".
  void NotAvailable(At at, const std::string& subject, const std::string& instead = {}) {
    const std::string hint = instead.empty() ? "" : "; " + instead;
    Add(at, subject + " is not available in this version" + hint, ConfigError::Kind::kNotAvailable);
  }

  // "file:line" of a place in this file, to be named in another place's error.
  std::string Place(At at) const { return file_ + ":" + std::to_string(at.line); }
  const std::string& file() const { return file_; }

 private:
  void Add(At at, std::string what, ConfigError::Kind kind);

  std::string file_;
  ConfigErrors* errors_;
};

}  // namespace millrace::config
