// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "unit/fakes/files.h"
#include "unit/process/child.h"

namespace millrace::process {
namespace {

using fakes::ReadFile;
using fakes::WriteFile;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Ordinary files in the place of the kernel's, for a host in the group /unit. They are there before
// the host comes, because a directory made here gets none by itself.
class Cgroups : public ::testing::Test {
 protected:
  Cgroups() {
    WriteFile(root_ / "self", "3:cpu:/elsewhere\n0::/unit\n");
    ::mkdir((root_ / "unit").c_str(), 0755);
    WriteFile(root_ / "unit/cgroup.controllers", "cpuset cpu io memory pids\n");
    WriteFile(root_ / "unit/cgroup.subtree_control", "");
    MakeGroup("host", {});
  }
  void MakeGroup(const std::string& name, const std::vector<std::string>& files) {
    const std::string group = root_ / ("unit/" + name);
    ::mkdir(group.c_str(), 0755);
    for (const std::string file : {"cgroup.procs", "cgroup.kill"})
      WriteFile(group + "/" + file, "");
    for (const std::string& file : files) WriteFile(group + "/" + file, "");
  }
  Result<CgroupTree> Open() const {
    return CgroupTree::Open({.root = root_.path(), .self = root_ / "self"});
  }
  std::string OpenError() const {
    const auto tree = Open();
    return tree ? "none" : tree.error().message;
  }
  Result<std::unique_ptr<Cgroup>> Make(const std::string& name, const CgroupLimits& limits) const {
    return Open()->Make(name, limits);
  }
  std::string Text(const std::string& file) const { return ReadFile(root_ / ("unit/" + file)); }

  const fakes::TemporaryDirectory root_;
  const std::vector<std::string> kAll = {"memory.max", "memory.swap.max", "memory.oom.group",
                                         "cpu.max", "pids.max"};
};

TEST_F(Cgroups, TheHostMovesIntoALeafAndControlsItsNeighbours) {
  ASSERT_EQ(OpenError(), "none");
  EXPECT_EQ(Text("host/cgroup.procs"), "0");
  EXPECT_EQ(Text("cgroup.subtree_control"), "+memory +cpu +pids");
}

TEST_F(Cgroups, AGroupGetsWhatItsFunctionMayTake) {
  MakeGroup("function-host", kAll);
  ASSERT_TRUE(Make("host", {.memory_bytes = 1 << 20, .cpus = 1.5, .pids_max = 200}));
  EXPECT_EQ(Text("function-host/memory.max"), "1048576");
  EXPECT_EQ(Text("function-host/memory.swap.max"), "0");
  EXPECT_EQ(Text("function-host/memory.oom.group"), "1");
  EXPECT_EQ(Text("function-host/cpu.max"), "150000 100000");
  EXPECT_EQ(Text("function-host/pids.max"), "200");
}

TEST_F(Cgroups, WhatIsNotLimitedIsSetFree) {
  MakeGroup("function-a", kAll);
  ASSERT_TRUE(Make("a", {}));
  EXPECT_EQ(Text("function-a/memory.max"), "max");
  EXPECT_EQ(Text("function-a/memory.swap.max"), "max");
  EXPECT_EQ(Text("function-a/cpu.max"), "max");
  EXPECT_EQ(Text("function-a/pids.max"), "max");
}

TEST_F(Cgroups, AKernelWithoutSwapHasNoSuchFile) {
  MakeGroup("function-a", {"memory.max", "memory.oom.group"});
  EXPECT_TRUE(Make("a", {.memory_bytes = 1 << 20}));
  EXPECT_FALSE(std::filesystem::exists(root_ / "unit/function-a/memory.swap.max"));
}

TEST_F(Cgroups, LessProcessorThanTheKernelGrantsIsTheLeastItGrants) {
  MakeGroup("function-a", kAll);
  ASSERT_TRUE(Make("a", {.cpus = 0.001}));
  EXPECT_EQ(Text("function-a/cpu.max"), "1000 100000");
}

TEST_F(Cgroups, WhatAKilledHostLeftIsEndedAndTakenOver) {
  MakeGroup("function-a", kAll);
  const auto group = Make("a", {});  // whose own end would write the same
  ASSERT_TRUE(group);
  EXPECT_EQ(Text("function-a/cgroup.kill"), "1");
}

TEST_F(Cgroups, AProcessIsTakenIn) {
  MakeGroup("function-a", kAll);
  const auto group = Make("a", {});
  ASSERT_TRUE(group);
  ASSERT_TRUE((*group)->AddProcess(4711));
  EXPECT_EQ(Text("function-a/cgroup.procs"), "4711");
}

TEST_F(Cgroups, WhatTheKernelEndedForWantOfMemoryIsCounted) {
  MakeGroup("function-a", kAll);
  const auto group = Make("a", {});
  ASSERT_TRUE(group);
  EXPECT_EQ((*group)->memory_events().kills, 0) << "a kernel that does not tell";
  WriteFile(root_ / "unit/function-a/memory.events",
            "low 0\nhigh 0\nmax 41\noom 3\noom_kill 2\noom_group_kill 1\n");
  EXPECT_EQ((*group)->memory_events().kills, 2);
  EXPECT_EQ((*group)->memory_events().limit_reached, 3);
}

TEST_F(Cgroups, AGroupGoesWithItsObject) {
  const std::string group = root_ / "unit/function-a";
  {
    const auto made = Make("a", {});
    ASSERT_TRUE(made);
    EXPECT_TRUE(std::filesystem::exists(group));
  }
  EXPECT_FALSE(std::filesystem::exists(group));
}

TEST_F(Cgroups, ALimitThatCannotBeSetIsToldAndLeavesNoGroup) {
  const auto group = Make("a", {.pids_max = 10});
  ASSERT_FALSE(group);
  EXPECT_THAT(group.error().message,
              EndsWith("unit/function-a/pids.max: No such file or directory"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "unit/function-a"));
}

TEST_F(Cgroups, ANameThatIsNoneIsRefused) {
  for (const std::string name : {"", "a/b", "..", "A", "a b", "a.b"}) {
    const auto group = Make(name, {});
    ASSERT_FALSE(group) << name;
    EXPECT_THAT(group.error().message, HasSubstr("is no name")) << name;
  }
}

TEST_F(Cgroups, ASystemOfVersionOneIsTold) {
  WriteFile(root_ / "self", "3:cpu:/\n");
  EXPECT_THAT(OpenError(), AllOf(StartsWith(root_ / "self"), HasSubstr("no control groups v2")));
  WriteFile(root_ / "self", "0::/other\n");
  EXPECT_THAT(OpenError(), AllOf(StartsWith(root_ / "other/cgroup.controllers: No such file"),
                                 HasSubstr("not mounted")));
}

TEST_F(Cgroups, AGroupOutsideOfTheNamespaceIsTold) {
  WriteFile(root_ / "self", "0::/../unit\n");
  EXPECT_THAT(OpenError(), HasSubstr("/../unit lies outside"));
}

TEST_F(Cgroups, AControllerThatIsNotDelegatedIsNamed) {
  WriteFile(root_ / "unit/cgroup.controllers", "cpu memory\n");
  EXPECT_THAT(OpenError(), AllOf(StartsWith(root_ / "unit/cgroup.controllers: no controller pids"),
                                 HasSubstr("Delegate=yes")));
}

// Taken away instead of forbidden: root may write everything.
TEST_F(Cgroups, AGroupThatIsNotTheHostsIsTold) {
  std::filesystem::remove(root_ / "unit/cgroup.subtree_control");
  EXPECT_THAT(OpenError(), AllOf(StartsWith(root_ / "unit/cgroup.subtree_control: No such file"),
                                 HasSubstr("Delegate=yes")));
  std::filesystem::remove(root_ / "unit/host/cgroup.procs");
  EXPECT_THAT(OpenError(), AllOf(StartsWith(root_ / "unit/host/cgroup.procs: No such file"),
                                 HasSubstr("Delegate=yes")));
  std::filesystem::remove_all(root_ / "unit/host");
  WriteFile(root_ / "unit/host", "");
  EXPECT_THAT(OpenError(), StartsWith(root_ / "unit/host/cgroup.procs: Not a directory"));
}

// The kernel's own hierarchy, where this test may make a group of its own below its root.
class KernelCgroups : public ::testing::Test {
 protected:
  void SetUp() override {
    place_.root = MountOfVersion2();
    if (place_.root.empty()) GTEST_SKIP() << "control groups v2 are not mounted here";
    group_ = place_.root + "/millrace-test-" + std::to_string(::getpid());
    made_ = ::mkdir(group_.c_str(), 0755) == 0;
    if (!made_)
      GTEST_SKIP() << group_ << ": " << std::strerror(errno)
                   << "; this takes root and a writable mount";
    const std::string enabled = ReadFile(place_.root + "/cgroup.subtree_control");
    std::erase_if(place_.controllers, [&](const std::string& wanted) {
      return (" " + enabled).find(" " + wanted) == std::string::npos;
    });
  }
  void TearDown() override {
    if (!made_) return;
    ::rmdir((group_ + "/host").c_str());
    EXPECT_EQ(::rmdir(group_.c_str()), 0) << std::strerror(errno);
  }
  void NeedControllers() const {
    if (place_.controllers.size() < 3)
      GTEST_SKIP() << place_.root << " does not give memory, cpu and pids to its groups";
  }
  // Runs `body` in a process that is alone in the test's group.
  std::string InGroup(const std::function<std::string(const CgroupTree&)>& body) const {
    return Said([&]() -> std::string {
      WriteFile(group_ + "/cgroup.procs", "0");
      const auto tree = CgroupTree::Open(place_);
      return tree ? body(*tree) : tree.error().message;
    });
  }
  static std::string MountOfVersion2() {
    std::ifstream mounts("/proc/self/mounts");
    for (std::string device, where, type, rest; mounts >> device >> where >> type;) {
      std::getline(mounts, rest);
      if (type == "cgroup2") return where;
    }
    return {};
  }
  CgroupPlace place_;
  std::string group_;
  bool made_ = false;
};

// Does nothing until it is ended: by a test, or by itself after a time.
pid_t StartIdle() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    for (;;) ::pause();
  }
  return child;
}

pid_t StartIn(Cgroup& group) {
  const pid_t child = StartIdle();
  return group.AddProcess(child) ? child : -1;
}

int SignalThatEnded(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_F(KernelCgroups, AGroupIsMadeKilledAndRemoved) {
  EXPECT_EQ(InGroup([this](const CgroupTree& tree) {
              auto group = tree.Make("a", {});
              if (!group) return group.error().message;
              const pid_t child = StartIn(**group);
              std::ifstream is("/proc/" + std::to_string(child) + "/cgroup");
              const std::string where(std::istreambuf_iterator<char>(is), {});
              if (where.find("/function-a\n") == std::string::npos) return where;
              const Status killed = (*group)->Kill();
              if (!killed) return killed.error().message;
              const int signal = SignalThatEnded(child);
              group->reset();
              const bool left = std::filesystem::exists(group_ + "/function-a");
              return std::to_string(signal) + (left ? " left" : " removed");
            }),
            "9 removed");
}

TEST_F(KernelCgroups, WhatIsLeftInAGroupEndsWithItsObject) {
  EXPECT_EQ(InGroup([this](const CgroupTree& tree) {
              auto group = tree.Make("a", {});
              if (!group) return group.error().message;
              const pid_t child = StartIn(**group);
              group->reset();
              const bool left = std::filesystem::exists(group_ + "/function-a");
              return std::to_string(SignalThatEnded(child)) + (left ? " left" : " removed");
            }),
            "9 removed");
}

TEST_F(KernelCgroups, MoreMemoryThanAllowedEndsTheProcess) {
  NeedControllers();
  if (IsSkipped()) return;
  EXPECT_EQ(InGroup([](const CgroupTree& tree) {
              const auto group = tree.Make("a", {.memory_bytes = 32 << 20});
              if (!group) return group.error().message;
              const pid_t child = ::fork();
              if (child == 0) {
                const Status in = (*group)->AddProcess(::getpid());
                constexpr size_t kBytes = 256 << 20;
                void* const at = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
                ::_exit(in && at != MAP_FAILED ? 0 : 1);
              }
              const int signal = SignalThatEnded(child);
              const auto events = (*group)->memory_events();
              return std::to_string(signal) +
                     (events.kills > 0 && events.limit_reached > 0 ? ", counted" : ", not counted");
            }),
            "9, counted");
}

TEST_F(KernelCgroups, MoreProcessesThanAllowedAreRefused) {
  NeedControllers();
  if (IsSkipped()) return;
  EXPECT_EQ(InGroup([](const CgroupTree& tree) -> std::string {
              const auto group = tree.Make("a", {.cpus = 0.5, .pids_max = 1});
              if (!group) return group.error().message;
              return Said([&] {
                const Status in = (*group)->AddProcess(::getpid());
                if (!in) return in.error().message;
                const pid_t child = ::fork();
                if (child == 0) ::_exit(0);
                return Outcome(child);
              });
            }),
            "EAGAIN");
}

// The kernel's rule that a group with controlled children holds no process.
TEST_F(KernelCgroups, AnotherProcessInTheHostsGroupIsTold) {
  NeedControllers();
  if (IsSkipped()) return;
  const pid_t other = StartIdle();
  WriteFile(group_ + "/cgroup.procs", std::to_string(other));
  EXPECT_THAT(InGroup([](const CgroupTree&) { return std::string("opened"); }),
              HasSubstr("no other process may be in the host's group"));
  ::kill(other, SIGKILL);
  SignalThatEnded(other);
}

}  // namespace
}  // namespace millrace::process
