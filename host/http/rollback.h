// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "http/function_status.h"

namespace millrace::http {

// A rollback asked for over HTTP and what came of it, as values.

struct RollbackRequest {
  std::string function;
  std::optional<uint64_t> to;  // generation; none: the one that ran before
};

// It was begun: lanes take generation `to` at their next batches.
struct RollbackResponse {
  std::optional<uint64_t> from;  // none: no generation ran
  GenerationStatus to;
};

enum class RollbackErrorKind {
  kUnknownFunction,
  kNoGeneration,  // there is none to go back to
  kNotRunning,    // not at the moment
};

struct RollbackError {
  RollbackErrorKind kind = RollbackErrorKind::kNoGeneration;
  std::string detail;
};

using RollbackResult = std::variant<RollbackResponse, RollbackError>;

}  // namespace millrace::http
