// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::cli {

// What `millrace function list|history|rollback` were told. They ask a running host over HTTP and
// print for people; programs ask the HTTP API. 0 done, 1 the host says no, 2 usage, 69 no host.
struct FunctionArguments {
  std::string server = "127.0.0.1:8080";
  std::string function;        // of history and rollback
  std::optional<uint64_t> to;  // of rollback: a generation; none: the one that ran before
};

// A line per function: name, state, generation, tasks, lag in records, reason. "?" is unknown.
int ListFunctions(const FunctionArguments& arguments);

// A line per library that came for the function since the host started, the oldest first:
// generation, hash, state, since when (UTC), reason.
int ShowHistory(const FunctionArguments& arguments);

// Goes back to a generation that ran before, and waits until it runs, at most kRollbackMax.
int RollBack(const FunctionArguments& arguments);

}  // namespace millrace::cli
