// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace millrace::process {

// What a group may take in all; what is not named is not limited.
struct CgroupLimits {
  std::optional<int64_t> memory_bytes = {};  // without swap; who takes more is ended by the kernel
  std::optional<double> cpus = {};           // above 0; 0.5: half of one processor's time
  std::optional<int64_t> pids_max = {};      // processes and threads
};

// One group of control groups v2, for one function. Owned by whoever asked for it; one thread at a
// time. Its end kills what is left in it and removes it; a group whose processes take longer than a
// second to die is left to the next one of its name.
class Cgroup {
 public:
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  // Takes in a process with all of its threads. What it has allocated before stays with the group
  // that it comes from: to be called before the process loads anything.
  Status AddProcess(pid_t pid);
  // Ends every process in it by SIGKILL, those too that fork meanwhile; they may be seen for a
  // moment.
  Status Kill();
  // What the kernel has counted since it was made; 0 if it does not tell.
  struct MemoryEvents {
    int64_t limit_reached = 0;  // an allocation found the group's own limit used up
    int64_t kills = 0;  // for whatever want of memory; may be more than one for the same process
  };
  MemoryEvents memory_events() const;

 private:
  friend class CgroupTree;
  explicit Cgroup(std::string path) : path_(std::move(path)) {}
  Status Limit(const CgroupLimits& limits) const;
  Status LimitMemory(const CgroupLimits& limits) const;

  const std::string path_;
};

struct CgroupPlace {
  std::string root = "/sys/fs/cgroup";
  std::string self = "/proc/self/cgroup";
  std::vector<std::string> controllers = {"memory", "cpu", "pids"};
};

// The part of the hierarchy of control groups (v2) that this process has been given for its own: by
// systemd with Delegate=yes in its unit, or as root in a container whose /sys/fs/cgroup is
// writable. A value; the groups that it made live without it. Every error says what is missing and
// what to do.
class CgroupTree {
 public:
  // Finds the group of the process and moves the process into a leaf `host` of it, because a group
  // with controlled children may hold no process itself. Stays so, even if a later step fails;
  // nobody else is moved, so the process has to be the only one of its group.
  static Result<CgroupTree> Open(const CgroupPlace& place = {});

  // Makes the group of a function. One that is there already is what a host left that was killed:
  // its processes are ended, its limits replaced. So there must be no other living Cgroup of that
  // name.
  Result<std::unique_ptr<Cgroup>> Make(const std::string& name, const CgroupLimits& limits) const;

 private:
  explicit CgroupTree(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace millrace::process
