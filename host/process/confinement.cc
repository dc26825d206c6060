// SPDX-License-Identifier: Apache-2.0
#include "process/confinement.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "process/landlock.h"
#include "process/system_calls.h"
#include "process/system_file.h"

namespace millrace::process {
namespace {

// Relative to the host, whatever the host's own is, so that a machine without memory loses
// functions before their host. Not the most that there is: a broker or a store that takes a third
// more of the machine's memory than a function goes before it.
constexpr int kOutOfMemoryStep = 300;
constexpr int kOutOfMemoryMax = 1000;

// As many as a function with a dozen lanes has, those of its clients included.
constexpr int64_t kThreadsMax = 64;

Status ForgoPrivileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SystemError("prctl", errno);
  return {};
}

// Writing a core of gigabytes would delay the restart. The kernel passes a core to a program
// (systemd-coredump) at any limit but 1, and writes no file so short.
Status ForgoCore() {
  constexpr rlimit kNoCoreAtAll{1, 1};
  if (::setrlimit(RLIMIT_CORE, &kNoCoreAtAll) != 0) return SystemError("RLIMIT_CORE", errno);
  return {};
}

Status GoBeforeTheHost() {
  const std::string path = "/proc/self/oom_score_adj";
  const auto inherited = ReadSystemFile(path);
  if (!inherited) return inherited.error();
  const int score = std::atoi(inherited->c_str()) + kOutOfMemoryStep;
  return WriteSystemFile(path, std::to_string(std::min(score, kOutOfMemoryMax)));
}

size_t ThreadStackBytes() {
  pthread_attr_t defaults;
  size_t bytes = 0;
  if (::pthread_getattr_default_np(&defaults) != 0) return bytes;
  ::pthread_attr_getstacksize(&defaults, &bytes);
  ::pthread_attr_destroy(&defaults);
  return bytes;
}

Status BoundData(int64_t memory_bytes_max) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) return SystemError("RLIMIT_DATA", errno);
  const rlim_t bytes = static_cast<rlim_t>(memory_bytes_max) + kThreadsMax * ThreadStackBytes();
  limit.rlim_cur = limit.rlim_max = std::min(bytes, limit.rlim_max);
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return SystemError("RLIMIT_DATA", errno);
  return {};
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& text : texts) line += (line.empty() ? "" : ", ") + text;
  return line;
}

void Note(const std::string& what, const Status& outcome, ConfinementReport& report) {
  if (outcome) {
    report.reached.push_back(what);
  } else {
    report.missing.push_back(what + " (" + outcome.error().message + ")");
  }
}

}  // namespace

std::string ConfinementReport::Text() const {
  if (missing.empty()) return Joined(reached);
  return (reached.empty() ? "nothing" : Joined(reached)) + "; without: " + Joined(missing);
}

ConfinementReport Confine(const Confinement& confinement) {
  ConfinementReport report;
  Note("no-new-privileges", ForgoPrivileges(), report);
  Note("no core", ForgoCore(), report);
  Note("out of memory before the host", GoBeforeTheHost(), report);
  if (confinement.memory_bytes_max)
    Note("data limit", BoundData(*confinement.memory_bytes_max), report);
  const auto abi = RestrictWrites(confinement.writable_dir);
  Note(abi ? "landlock (ABI " + std::to_string(*abi) + ")" : "landlock",
       abi ? Status() : abi.error(), report);
  // Last: it refuses what the steps above do.
  Note("seccomp", RestrictSystemCalls(), report);
  return report;
}

}  // namespace millrace::process
