// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace millrace::process {

// What a version of Landlock can forbid of that which we forbid.
struct LandlockRights {
  uint64_t writes = 0;         // changing, creating, removing: refused outside of the writable tree
  uint64_t device_writes = 0;  // the part of it that is allowed below /dev
  uint64_t scopes = 0;         // of what reaches from the process to others
};

// For any version from 1 on; a version newer than this code gives what the newest known one does.
LandlockRights RightsOf(int abi);

// From here on the calling thread, and every thread that it starts, changes files below
// writable_dir alone, and writes to what is there already below /dev. Reading and executing stay as
// they are, as do files that are open. Signals reach no other process, where the version knows
// that; sockets with abstract names are left alone, because handlers may be clients of a
// neighbour's.
//
// Asks for no_new_privs before (or root). Gives the version of Landlock, or why nothing is
// restricted: the kernel has none, or writable_dir is not there.
Result<int> RestrictWrites(const std::string& writable_dir);

}  // namespace millrace::process
