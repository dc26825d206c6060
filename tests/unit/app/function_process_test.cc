// SPDX-License-Identifier: Apache-2.0
#include "app/function_process.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>

#include "unit/fakes/files.h"

namespace millrace::app {
namespace {

using fakes::WriteFile;

class SilentLogger final : public Logger {
 public:
  using Logger::Log;
  void Log(LogLevel, std::string_view) override {}
};

// A program that ends by a signal in the place of one with lanes, and ordinary files in the place
// of its control group.
class FunctionProcessTest : public testing::Test {
 protected:
  FunctionProcessTest() {
    spec_.name = "bids";
    spec_.lanes = 1;
    spec_.limits.memory = 1 << 20;
    WriteFile(root_ / "self", "0::/unit\n");
    ::mkdir((root_ / "unit").c_str(), 0755);
    WriteFile(root_ / "unit/cgroup.controllers", "cpu memory pids\n");
    WriteFile(root_ / "unit/cgroup.subtree_control", "");
    for (const std::string& group : {std::string("unit/host"), kGroup}) {
      ::mkdir((root_ / group).c_str(), 0755);
      for (const std::string file : {"/cgroup.procs", "/cgroup.kill", "/memory.max",
                                     "/memory.oom.group", "/cpu.max", "/pids.max"}) {
        WriteFile(root_ / (group + file), "");
      }
    }
    CountMemoryKills(2);  // of processes before
    services_.log = &log_;
    services_.clock = &clock_;
    services_.processes = LaneProcesses{.command = {"/bin/sh", "-c", "kill -9 $$"},
                                        .redis_url = "redis://none",
                                        .limits = &limits_};
  }
  void CountMemoryKills(int count) {
    WriteFile(root_ / (kGroup + "/memory.events"), "oom_kill " + std::to_string(count) + "\n");
  }
  // Runs it to its end, by whatever the kernel counts meanwhile.
  std::string End(int memory_kills) {
    const std::vector<LaneReport> reports(1);
    std::vector<std::unique_ptr<commit::GroupOffsets>> none;
    const Status started = process_.Start({}, Delivery::kAtLeastOnce, std::move(none));
    if (!started) return started.error().message;
    CountMemoryKills(memory_kills);
    while (!process_.lanes()->end()) {
      pollfd something{.fd = process_.fd(), .events = POLLIN, .revents = 0};
      ::poll(&something, 1, 1'000);
      process_.Step(reports);
    }
    const std::string how = process_.HowItEnded(reports);
    process_.End();
    return how;
  }

  const std::string kGroup = "unit/function-bids";
  const fakes::TemporaryDirectory root_;
  SilentLogger log_;
  SystemClock clock_;
  LaneLimits limits_{{.root = root_.path(), .self = root_ / "self"}};
  HostServices services_;
  FunctionSpec spec_;
  CallsInFlight calls_{spec_, "", &log_};
  FunctionProcess process_{services_, spec_, &calls_};
};

TEST_F(FunctionProcessTest, ThatTheKernelEndedItForWantOfMemoryIsTold) {
  EXPECT_EQ(End(3),
            "its process ended by signal 9 (Killed), because no memory was left for it "
            "(limits.memory: 1048576 bytes)");
}

TEST_F(FunctionProcessTest, WhatWasEndedForItBeforeSaysNothingOfIt) {
  EXPECT_EQ(End(2), "its process ended by signal 9 (Killed)") << "a former host's";
  EXPECT_NE(End(3), "its process ended by signal 9 (Killed)");
  EXPECT_EQ(End(3), "its process ended by signal 9 (Killed)") << "the former process'";
}

}  // namespace
}  // namespace millrace::app
