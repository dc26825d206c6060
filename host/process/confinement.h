// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::process {

// What a child process gives up before it loads foreign code.
struct Confinement {
  // Bounds what the process may map for data (RLIMIT_DATA); for a child whose memory no cgroup
  // bounds. It is coarser than a cgroup: it counts what is mapped, touched or not, so the stacks of
  // threads come on top of it (64 of them at their full size) and an allocator that keeps what is
  // free reaches it early (jemalloc maps up to a third more than is in use). What goes over it
  // fails in the process itself, as std::bad_alloc.
  std::optional<int64_t> memory_bytes_max = {};
  // The only tree it may write to beside /dev: the temporary directory. It must be there.
  std::string writable_dir;
};

// What a confinement came to, in short texts for a log line.
struct ConfinementReport {
  std::vector<std::string> reached;
  std::vector<std::string> missing;  // each with the reason

  // "no-new-privileges, no core, ...; without: landlock (...)"
  std::string Text() const;
};

// Confines the calling process for good: no new privileges, no core, out of memory before the host
// is, bounded data, files written below one directory alone (Landlock), no new processes, programs
// or signals to others (seccomp). To be called by its only thread; later ones inherit it all.
//
// It contains faults: a fork bomb, kill(-1), a stray path, a leak. It is no sandbox. The code that
// runs in the process reads every file that its user may read, talks to every address, and changes
// what it has open; who wants to get out of it finds a way.
//
// Best effort: what the system does not offer is left out and reported, and the rest is done.
ConfinementReport Confine(const Confinement& confinement);

}  // namespace millrace::process
