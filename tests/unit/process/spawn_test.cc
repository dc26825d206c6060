// SPDX-License-Identifier: Apache-2.0
#include "process/spawn.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "process/shared_memory.h"

namespace millrace::process {
namespace {

struct Ended {
  std::string printed;
  std::string how;
};

Ended RunToTheEnd(std::vector<std::string> command, std::vector<std::pair<int, int>> fds = {}) {
  auto output = MakePipe().value();
  const pid_t pid = Spawn({.command = std::move(command),
                           .output = output.write.get(),
                           .descriptors = std::move(fds)})
                        .value();
  const UniqueFd watched = WatchProcess(pid).value();
  pollfd ended{.fd = watched.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&ended, 1, 30'000), 1);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  std::string printed(4096, '\0');
  const ssize_t got = read(output.read.get(), printed.data(), printed.size());
  printed.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return {printed, HowItEnded(status)};
}

TEST(Spawning, AChildIsToldByWhatItPrintsAndHowItEnds) {
  const Ended exited = RunToTheEnd({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(exited.printed, "out\nerr\n");
  EXPECT_EQ(exited.how, "exited with code 3");
  EXPECT_EQ(RunToTheEnd({"/bin/sh", "-c", "kill -SEGV $$"}).how,
            "ended by signal 11 (Segmentation fault)");
}

TEST(Spawning, AChildLeadsAGroupOfItsOwn) {
  const Ended child = RunToTheEnd({"/bin/sh", "-c", "ps -o pgid= -p $$ | tr -d ' '; echo $$"});
  const size_t line = child.printed.find('\n');
  ASSERT_NE(line, std::string::npos);
  EXPECT_EQ(child.printed.substr(0, line + 1), child.printed.substr(line + 1));
}

TEST(Spawning, SharedMemoryIsTheSameInBoth) {
  const auto memory = SharedMemory::Create(4096).value();
  const Ended child = RunToTheEnd({"/bin/sh", "-c", "printf written >&4"}, {{memory->fd(), 4}});
  EXPECT_EQ(child.how, "exited with code 0");
  EXPECT_STREQ(static_cast<const char*>(memory->data()), "written");
}

TEST(Spawning, MemoryThatIsTooSmallIsNotAttached) {
  const auto memory = SharedMemory::Create(100).value();
  const auto attached = SharedMemory::Attach(UniqueFd(dup(memory->fd())), 5000, Access::kRead);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().error_class, ErrorClass::kFatal);
}

TEST(Spawning, AProgramThatIsNotThereIsAnError) {
  auto output = MakePipe().value();
  const auto spawned =
      Spawn({.command = {"/nowhere/program"}, .output = output.write.get(), .descriptors = {}});
  ASSERT_FALSE(spawned);
  EXPECT_NE(spawned.error().message.find("/nowhere/program"), std::string::npos);
}

}  // namespace
}  // namespace millrace::process
