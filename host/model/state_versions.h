// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

// What a library declares of its state: the version of what it writes, and the oldest that it
// reads.
struct StateVersions {
  uint32_t written = 1;
  uint32_t oldest_read = 1;

  friend bool operator==(const StateVersions&, const StateVersions&) = default;
};

// Values of which versions a task's state may hold. What is not written again keeps the version
// that wrote it, so the oldest stays.
struct StoredVersions {
  uint32_t oldest = 1;
  uint32_t newest = 1;
};

inline bool CanRead(const StateVersions& library, const StoredVersions& stored) {
  return library.oldest_read <= stored.oldest && stored.newest <= library.written;
}

// Why it cannot, behind the name of the task.
inline std::string WhyUnreadable(const StateVersions& library, const StoredVersions& stored) {
  return " holds state of versions " + std::to_string(stored.oldest) + " to " +
         std::to_string(stored.newest) + "; the library reads " +
         std::to_string(library.oldest_read) + " to " + std::to_string(library.written) +
         ": run one that reads them all, or make the state again with millrace state rebuild";
}

}  // namespace millrace
