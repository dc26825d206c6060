// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/state_versions.h"

extern "C" struct mr_function;  // millrace/abi.h; only those who call it need the SDK

namespace millrace {

enum class UseKind { kValue, kMap, kOutput };

// What a library declares that it reads, writes or emits to.
struct Use {
  uint32_t id = 0;  // the library's own choice, unique in the library
  UseKind kind = UseKind::kValue;
  std::string name;

  friend bool operator==(const Use&, const Use&) = default;
};

// One loaded and opened version of a function's library, as the lanes see it. Made by the function
// layer; shared by every lane of the function and read-only, so it may be used from any thread.
// A lane makes its instance with `start` and ends it with table->stop, both on its own thread,
// before it lets its reference go: the last `keep_alive` closes the library object (the code itself
// stays mapped until the process ends).
struct Generation {
  std::string function;
  std::string hash12;  // first 12 hex digits of the library's SHA-256
  int number = 0;      // from 1 per function
  // For a process that opens it itself: the private copy of the library, and the user's file.
  std::string copy = {};
  std::string file = {};
  const ::mr_function* table = nullptr;  // null: it is opened elsewhere, and so is what follows
  void* library = nullptr;               // what open() gave; null is allowed
  std::vector<Use> uses;
  StateVersions versions = {};
  // Calls table->start with the function's config at hand and gives the instance. An error (kFatal)
  // holds the library's own words; there is then nothing to stop. Callable from several threads.
  std::function<Result<void*>()> start = {};
  std::shared_ptr<const void> keep_alive = nullptr;
};

// Whether a lane that runs one can go on with the other.
inline bool SameStateAndOutputs(const Generation& a, const Generation& b) {
  return a.uses == b.uses && a.versions == b.versions;
}

}  // namespace millrace
