// SPDX-License-Identifier: Apache-2.0
#include "process/system_calls.h"

#include <gmock/gmock.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "unit/process/child.h"
#include "unit/process/kernel.h"

namespace millrace::process {
namespace {

std::atomic<int> signals_seen{0};

// Every test asks what comes of a call behind the filter.
class SystemCalls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!KernelHasFilters()) GTEST_SKIP() << "the kernel has no filters of system calls";
  }
  static std::string Behind(const std::function<std::string()>& call) {
    return Said([&] {
      const Status loaded = RestrictSystemCalls();
      return loaded ? call() : loaded.error().message;
    });
  }
  static std::string BehindFilter(const std::function<long()>& call) {
    return Behind([&] { return Outcome(call()); });
  }
};

// A process that got made after all is ended at once.
long EndIfChild(long made) {
  if (made == 0) ::_exit(0);
  return made;
}

TEST_F(SystemCalls, NoProcessIsMade) {
  EXPECT_EQ(BehindFilter([] { return EndIfChild(::fork()); }), "EPERM");
  EXPECT_EQ(BehindFilter([] {
              return EndIfChild(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0));
            }),
            "EPERM");
  EXPECT_EQ(BehindFilter([] { return EndIfChild(::syscall(SYS_clone3, nullptr, 0)); }), "ENOSYS");
#ifdef SYS_fork
  EXPECT_EQ(BehindFilter([] { return EndIfChild(::syscall(SYS_fork)); }), "EPERM");
#endif
}

TEST_F(SystemCalls, NoProgramIsStarted) {
  EXPECT_EQ(Behind([] {
              char name[] = "true";
              char* arguments[] = {name, nullptr};
              pid_t pid = -1;
              return std::string(::strerrorname_np(
                  ::posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments, arguments + 1)));
            }),
            "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::execl("/bin/true", "true", nullptr); }), "EPERM");
  EXPECT_EQ(BehindFilter([] {
              const char* arguments[] = {"true", nullptr};
              return ::syscall(SYS_execveat, -1, "/bin/true", arguments, arguments + 1, 0);
            }),
            "EPERM");
}

TEST_F(SystemCalls, ThreadsAreMade) {
  EXPECT_EQ(Behind([] {
              int sum = 0;
              for (int i = 0; i < 8; ++i) std::thread([&sum, i] { sum += i; }).join();
              return std::to_string(sum);
            }),
            "28");
}

// Signal 0 is never delivered: it asks whether a signal may be sent.
TEST_F(SystemCalls, NobodyElseIsSignalled) {
  const pid_t parent = ::getpid();
  ASSERT_EQ(Said([&] { return Outcome(::kill(parent, 0)); }), "done") << "without the filter";
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  EXPECT_EQ(BehindFilter([&] { return ::kill(parent, 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::kill(-1, 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::kill(0, 0); }), "EPERM") << "its group";
  EXPECT_EQ(BehindFilter([] { return ::kill(-::getpgrp(), 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([&] { return ::syscall(SYS_tkill, parent, 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([&] { return ::syscall(SYS_tgkill, parent, parent, 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([&] { return ::syscall(SYS_rt_sigqueueinfo, parent, 0, &info); }),
            "EPERM");
  EXPECT_EQ(
      BehindFilter([&] { return ::syscall(SYS_rt_tgsigqueueinfo, parent, parent, 0, &info); }),
      "EPERM");
  EXPECT_EQ(BehindFilter([&] {
              const long own = ::syscall(SYS_pidfd_open, ::getpid(), 0);
              return ::syscall(SYS_pidfd_send_signal, own, 0, nullptr, 0);
            }),
            "EPERM");
}

TEST_F(SystemCalls, ItsOwnProcessIsSignalled) {
  EXPECT_EQ(Behind([] {
              ::signal(SIGUSR1, [](int) { ++signals_seen; });
              ::kill(::getpid(), SIGUSR1);
              ::raise(SIGUSR1);
              std::thread([] { ::raise(SIGUSR1); }).join();
              ::pthread_kill(::pthread_self(), SIGUSR1);
              ::sigqueue(::getpid(), SIGUSR1, {});
              return std::to_string(signals_seen);
            }),
            "5");
}

TEST_F(SystemCalls, AbortStillEndsIt) {
  const ChildEnd end = RunChild([]() -> std::string {
    if (!RestrictSystemCalls()) ::_exit(1);
    ::signal(SIGABRT, SIG_DFL);  // a sanitizer's handler would take it
    std::abort();
  });
  ASSERT_TRUE(WIFSIGNALED(end.status));
  EXPECT_EQ(WTERMSIG(end.status), SIGABRT);
}

TEST_F(SystemCalls, OtherProcessesAreNeitherReadNorStepped) {
  EXPECT_EQ(BehindFilter([] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }), "EPERM");
  char byte = 0;
  iovec bytes{&byte, 1};
  EXPECT_EQ(BehindFilter([&] { return ::process_vm_readv(::getpid(), &bytes, 1, &bytes, 1, 0); }),
            "EPERM");
  EXPECT_EQ(BehindFilter([&] { return ::process_vm_writev(::getpid(), &bytes, 1, &bytes, 1, 0); }),
            "EPERM");
}

TEST_F(SystemCalls, LimitsAreReadAndNotSet) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(BehindFilter([&] { return ::getrlimit(RLIMIT_NOFILE, &limit); }), "done");
  EXPECT_EQ(BehindFilter([&] { return ::setrlimit(RLIMIT_NOFILE, &limit); }), "EPERM");
#ifdef SYS_setrlimit
  EXPECT_EQ(BehindFilter([&] { return ::syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit); }), "EPERM");
#endif
}

// As root too: arguments that the kernel would answer otherwise.
TEST_F(SystemCalls, TheMachineIsLeftAlone) {
  EXPECT_EQ(BehindFilter([] { return ::unshare(0); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::setns(-1, 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::mount(nullptr, "/nowhere", nullptr, 0, nullptr); }),
            "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::umount2("/nowhere", 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::chroot("/nowhere"); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::syscall(SYS_reboot, 0, 0, 0, nullptr); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::syscall(SYS_finit_module, -1, "", 0); }), "EPERM");
  EXPECT_EQ(BehindFilter([] { return ::syscall(SYS_delete_module, nullptr, 0); }), "EPERM");
}

#if defined(__x86_64__)
TEST_F(SystemCalls, ACallOfAnotherConventionFailsAndDoesNotEndTheProcess) {
  constexpr long kX32 = 0x40000000;
  EXPECT_EQ(BehindFilter([] { return ::syscall(kX32 + SYS_getpid); }), "ENOSYS");
}
#endif

}  // namespace
}  // namespace millrace::process
