// SPDX-License-Identifier: Apache-2.0
#include "function/loaded_libraries.h"

namespace millrace::function {

Result<std::shared_ptr<const Library>> LoadedLibraries::Load(const CheckedCopy& checked) {
  {
    const std::lock_guard lock(mutex_);
    if (hashes_.size() >= max_ && !hashes_.contains(checked.sha256)) {
      return Fatal(checked.file + ": is one too many: this host has loaded " +
                   std::to_string(hashes_.size()) +
                   " different libraries since it started, and what is loaded stays in memory; "
                   "restart the host to load it");
    }
    hashes_.insert(checked.sha256);
  }
  return Library::Load(checked);
}

}  // namespace millrace::function
