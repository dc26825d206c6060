// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/system_text.h"
#include "base/unique_fd.h"

namespace millrace::process {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// Neither end ever blocks: who writes more than fits loses what is over. kRetriable: no descriptor
// is left.
Result<Pipe> MakePipe();

struct SpawnRequest {
  std::vector<std::string> command;              // program and arguments
  int output = -1;                               // what both of its output streams go to
  std::vector<std::pair<int, int>> descriptors;  // of ours → of the child's, from 3 on; ours >= 10
};

// Starts a program in a process group of its own, with none of our signal settings and an empty
// standard input. It does not begin as a copy of this process (posix_spawn), so it costs no memory
// of ours and is safe beside other threads. Descriptors without FD_CLOEXEC are inherited as well.
// kRetriable when the system gives no process. The child is the caller's to reap.
Result<pid_t> Spawn(SpawnRequest request);

// A descriptor that is readable once the child has ended. kRetriable: no descriptor is left.
Result<UniqueFd> WatchProcess(pid_t pid);

// Duplicates a descriptor to one that Spawn takes.
Result<UniqueFd> MoveUp(UniqueFd fd);

// "exited with code 3", "ended by signal 11 (Segmentation fault)"; of a status that waitpid gave.
std::string HowItEnded(int status);

}  // namespace millrace::process
