// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace millrace::process {

// What this kernel has, asked without the code under test: a test is skipped for this alone.

inline bool KernelHasFilters() { return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0; }

// The version of Landlock; below 1 if there is none.
inline long LandlockOfKernel() {
  constexpr unsigned kAskForVersion = 1;
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskForVersion);
}

}  // namespace millrace::process
