// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace millrace::function {

// What the child of a probe tells its parent on kMarksFd, a byte each, in this order; the text of a
// refusal follows its mark to the end.
enum class ProbeMark : char {
  kLoads = 'L',  // the dynamic loader runs, and with it the library's constructors
  kAsks = 'T',   // millrace_function() is asked for the table
  kTests = 'S',  // its self-test runs
  kAdmitted = 'A',
  kRefused = 'R',
};

inline constexpr int kMarksFd = 3;

struct ProbeArguments {
  std::string copy;  // the library to load
  std::string file;  // what it is called in messages
  pid_t parent = 0;  // without which there is nobody to tell
};

// The whole of the child: limits itself (no core, no new privileges, first to go when memory is
// short, gone with the parent), loads the library, checks its table, tells. Returns the exit code;
// the caller ends the process without running destructors. What is started by hand, without the
// descriptor, tells nobody.
int RunProbe(const ProbeArguments& arguments);

}  // namespace millrace::function
