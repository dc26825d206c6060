// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/result.h"
#include "function/library.h"

namespace millrace::function {

// The libraries that this process has loaded, of which it never unloads any: so many different ones
// and no more. Any thread.
class LoadedLibraries {
 public:
  static constexpr size_t kMax = 256;

  explicit LoadedLibraries(size_t max = kMax) : max_(max) {}

  // As Library::Load; kFatal also for one too many.
  Result<std::shared_ptr<const Library>> Load(const CheckedCopy& checked);

 private:
  size_t max_;
  std::mutex mutex_;
  std::set<std::string> hashes_;  // guarded by mutex_
};

}  // namespace millrace::function
