// SPDX-License-Identifier: Apache-2.0
#include "app/function_process.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>

#include "unit/fakes/files.h"
#include "unit/fakes/recording_logger.h"

namespace millrace::app {
namespace {

using fakes::WriteFile;

constexpr int kEndMaxMs = 10'000;

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
    Run("kill -9 $$");
  }
  void Run(const std::string& script) {
    services_.processes = LaneProcesses{
        .command = {"/bin/sh", "-c", script}, .redis_url = "redis://none", .limits = &limits_};
  }
  void CountMemoryKills(int count, int limit_reached = 0) {
    WriteFile(
        root_ / (kGroup + "/memory.events"),
        "oom " + std::to_string(limit_reached) + "\noom_kill " + std::to_string(count) + "\n");
  }
  void Start() {
    const Status started = process_.Start({}, Delivery::kAtLeastOnce, {});
    ASSERT_TRUE(started) << started.error().message;
  }
  std::string AwaitEnd() {
    while (!process_.lanes()->end()) {
      pollfd something{.fd = process_.fd(), .events = POLLIN, .revents = 0};
      if (::poll(&something, 1, kEndMaxMs) != 1) return "it does not end";
      process_.Step(reports_);
    }
    const std::string how = process_.HowItEnded(reports_);
    process_.End();
    return how;
  }
  // Runs it to its end, with what the kernel has counted by then.
  std::string End(int memory_kills, int limit_reached = 0) {
    Start();
    CountMemoryKills(memory_kills, limit_reached);
    return AwaitEnd();
  }

  const std::string kGroup = "unit/function-bids";
  const fakes::TemporaryDirectory root_;
  fakes::RecordingLogger log_;
  ManualClock clock_;
  const std::vector<LaneReport> reports_{1};
  LaneLimits limits_{{.root = root_.path(), .self = root_ / "self"}};
  HostServices services_;
  FunctionSpec spec_;
  CallsInFlight calls_{spec_, "", &log_};
  FunctionProcess process_{services_, spec_, &calls_};
};

TEST_F(FunctionProcessTest, ThatItTookMoreMemoryThanItMayIsTold) {
  EXPECT_EQ(End(3, 1),
            "its process ended by signal 9 (Killed), because it took more than limits.memory "
            "(1048576 bytes)");
}

TEST_F(FunctionProcessTest, ThatOthersLeftItNoMemoryIsNotBlamedOnItsLimit) {
  EXPECT_EQ(End(3),
            "its process ended by signal 9 (Killed), because the machine, or a control group "
            "around it, had no memory left");
}

TEST_F(FunctionProcessTest, WhatWasEndedBeforeOrEndsOtherwiseHasNotToDoWithMemory) {
  EXPECT_EQ(End(2), "its process ended by signal 9 (Killed)") << "a former host's";
  EXPECT_NE(End(3), "its process ended by signal 9 (Killed)");
  EXPECT_EQ(End(3), "its process ended by signal 9 (Killed)") << "the former process'";
  Run("kill -TERM $$");
  EXPECT_EQ(End(4), "its process ended by signal 15 (Terminated)") << "a process of its own";
}

TEST_F(FunctionProcessTest, WhatSurvivesItsAbortIsKilledASecondLater) {
  Run("trap '' ABRT; echo deaf; while :; do sleep 0.01; done");
  spec_.limits.timeout = Millis(2'000);
  CallsInFlight calls(spec_, "", &log_);
  FunctionProcess process(services_, spec_, &calls);
  ASSERT_TRUE(process.Start({}, Delivery::kAtLeastOnce, {}));
  const auto step = [&] {
    pollfd something{.fd = process.fd(), .events = POLLIN, .revents = 0};
    ::poll(&something, 1, 20);
    process.Step(reports_);
  };
  for (int i = 0; i < 500 && log_.lines.empty(); ++i) step();
  ASSERT_THAT(log_.lines, testing::ElementsAre(testing::HasSubstr("deaf")));
  calls.board()->slot(0).in_flight.Begin({.since = clock_.Now(), .partition = 4});
  clock_.Advance(Millis(2'000));
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(calls.board()->culprit()->value(), NumberOfLane(0));
  EXPECT_FALSE(process.lanes()->end()) << "it has survived the abort";
  clock_.Advance(Millis(1'000));
  for (int i = 0; i < 500 && !process.lanes()->end(); ++i) step();
  ASSERT_TRUE(process.lanes()->end());
  EXPECT_THAT(process.HowItEnded(reports_),
              testing::AllOf(testing::StartsWith("its process ended by signal 9 (Killed)"),
                             testing::HasSubstr("for longer than limits.timeout (2000 ms)")));
}

}  // namespace
}  // namespace millrace::app
