// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <sstream>
#include <string_view>

#include "process/system_file.h"

namespace millrace::process {
namespace {

constexpr int kRemovalsMax = 100;
constexpr int kRemovalPauseMs = 10;
constexpr int64_t kCpuPeriodUs = 100'000;
constexpr int64_t kCpuQuotaUsMin = 1'000;  // the kernel takes no less

constexpr std::string_view kNoLimit = "max";
constexpr std::string_view kDelegate =
    "; give the host a group of its own to manage (systemd: Delegate=yes in its unit)";

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Error WithAdvice(const Error& error, std::string_view advice) {
  return Fatal(error.message + std::string(advice));
}

// The path of the process in the hierarchy v2: the line "0::/path".
Result<std::string> OwnGroup(const CgroupPlace& place) {
  const auto text = ReadSystemFile(place.self);
  if (!text) return text.error();
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::/")) continue;
    const std::string path = line.substr(3);
    if (path.find("/..") != std::string::npos)
      return Fatal(place.self + ": the host's group " + path + " lies outside of what it sees");
    return path == "/" ? place.root : place.root + path;
  }
  return Fatal(place.self + ": no line 0::/...; this system has no control groups v2");
}

Status CheckControllers(const std::string& group, const std::vector<std::string>& wanted) {
  const std::string path = group + "/cgroup.controllers";
  const auto text = ReadSystemFile(path);
  if (!text) return WithAdvice(text.error(), "; control groups v2 are not mounted there");
  std::istringstream words(*text);
  std::vector<std::string> offered;
  for (std::string word; words >> word;) offered.push_back(word);
  for (const std::string& controller : wanted)
    if (std::find(offered.begin(), offered.end(), controller) == offered.end())
      return Fatal(path + ": no controller " + controller + std::string(kDelegate));
  return {};
}

// 0 is the process that writes.
Status MoveTo(const std::string& leaf) {
  if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST)
    return WithAdvice(SystemError(leaf, errno), kDelegate);
  const Status moved = WriteSystemFile(leaf + "/cgroup.procs", "0");
  return moved ? moved : WithAdvice(moved.error(), kDelegate);
}

Status EnableControllers(const std::string& group, const std::vector<std::string>& controllers) {
  std::string text;
  for (const std::string& controller : controllers)
    text += (text.empty() ? "+" : " +") + controller;
  const Status enabled = WriteSystemFile(group + "/cgroup.subtree_control", text);
  if (enabled) return enabled;
  return WithAdvice(
      enabled.error(),
      "; no other process may be in the host's group: start the host alone in a unit of "
      "its own (systemd: Delegate=yes)");
}

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// A limit that nobody asked for is lifted, for a group that was there already; without its
// controller there is none to lift.
Status SetLimit(const std::string& path, const std::optional<std::string>& limit) {
  if (!limit && !Exists(path)) return {};
  return WriteSystemFile(path, limit ? *limit : kNoLimit);
}

std::optional<std::string> Text(std::optional<int64_t> number) {
  return number ? std::optional(std::to_string(*number)) : std::nullopt;
}

// Quota and period.
std::optional<std::string> CpuText(std::optional<double> cpus) {
  if (!cpus) return std::nullopt;
  const int64_t quota_us = std::llround(*cpus * static_cast<double>(kCpuPeriodUs));
  return std::to_string(std::max(quota_us, kCpuQuotaUsMin)) + " " + std::to_string(kCpuPeriodUs);
}

}  // namespace

Result<CgroupTree> CgroupTree::Open(const CgroupPlace& place) {
  const auto group = OwnGroup(place);
  if (!group) return group.error();
  if (const auto there = CheckControllers(*group, place.controllers); !there) return there.error();
  if (const auto moved = MoveTo(*group + "/host"); !moved) return moved.error();
  if (const auto enabled = EnableControllers(*group, place.controllers); !enabled)
    return enabled.error();
  return CgroupTree(*group);
}

Result<std::unique_ptr<Cgroup>> CgroupTree::Make(const std::string& name,
                                                 const CgroupLimits& limits) const {
  if (!IsName(name)) return Fatal("'" + name + "' is no name for a control group: [a-z0-9-]");
  // With a prefix: a function may be called host.
  const std::string path = path_ + "/function-" + name;
  const bool made = ::mkdir(path.c_str(), 0755) == 0;
  if (!made && errno != EEXIST) return WithAdvice(SystemError(path, errno), kDelegate);
  std::unique_ptr<Cgroup> group(new Cgroup(path));
  if (!made) {
    if (const Status ended = group->Kill(); !ended) return ended.error();
  }
  if (const Status limited = group->Limit(limits); !limited) return limited.error();
  return group;
}

// rmdir fails as long as a process is in the group.
Cgroup::~Cgroup() {
  if (::rmdir(path_.c_str()) == 0 || !Kill()) return;
  for (int i = 0; i < kRemovalsMax && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++i)
    ::poll(nullptr, 0, kRemovalPauseMs);
}

Status Cgroup::AddProcess(pid_t pid) {
  return WriteSystemFile(path_ + "/cgroup.procs", std::to_string(pid));
}

Status Cgroup::Kill() {
  const Status killed = WriteSystemFile(path_ + "/cgroup.kill", "1");
  return killed ? killed : WithAdvice(killed.error(), "; it takes Linux 5.14");
}

Cgroup::MemoryEvents Cgroup::memory_events() const {
  MemoryEvents events;
  const auto text = ReadSystemFile(path_ + "/memory.events");
  std::istringstream words(text ? *text : "");
  int64_t count = 0;
  for (std::string event; words >> event >> count;) {
    if (event == "oom") events.limit_reached = count;
    if (event == "oom_kill") events.kills = count;
  }
  return events;
}

Status Cgroup::Limit(const CgroupLimits& limits) const {
  if (const Status memory = LimitMemory(limits); !memory) return memory;
  if (const Status cpu = SetLimit(path_ + "/cpu.max", CpuText(limits.cpus)); !cpu) return cpu;
  return SetLimit(path_ + "/pids.max", Text(limits.pids_max));
}

Status Cgroup::LimitMemory(const CgroupLimits& limits) const {
  const Status bytes = SetLimit(path_ + "/memory.max", Text(limits.memory_bytes));
  if (!bytes) return bytes;
  // A kernel without swap has no such file. Swapping would make a function slow instead of ending
  // it.
  const std::string swap = path_ + "/memory.swap.max";
  if (Exists(swap)) {
    const Status swapped = WriteSystemFile(swap, limits.memory_bytes ? "0" : kNoLimit);
    if (!swapped) return swapped;
  }
  return limits.memory_bytes ? WriteSystemFile(path_ + "/memory.oom.group", "1") : Status();
}

}  // namespace millrace::process
