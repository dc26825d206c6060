// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace millrace::cli {

struct InvokeArguments {
  std::string function;
  std::string server = "127.0.0.1:8080";
  std::optional<std::string> key;
  std::string value = "-";           // "-": standard input; "@FILE": a file; else the value itself
  bool tombstone = false;            // the value is null
  std::vector<std::string> headers;  // name=value
  std::optional<std::string> topic;
  std::optional<int> partition;
  std::optional<long long> timestamp_ms;
};

// Invokes a function of a running host over HTTP and prints its answer. 0 done, 1 the outcome was
// another or the host refused, 2 usage, 69 the host is not reachable.
int Invoke(const InvokeArguments& arguments);

}  // namespace millrace::cli
