// SPDX-License-Identifier: Apache-2.0
#include "process/crash_teller.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>

#include "process/shared_memory.h"

namespace millrace::process {
namespace {

struct Death {
  int status = 0;
  int32_t culprit = 0;
};

// What a child that tells its crashes leaves behind.
Death DieBy(const std::function<void(Culprit*)>& how) {
  const auto memory = SharedMemory::Create(sizeof(Culprit)).value();
  auto* culprit = new (memory->data()) Culprit();
  const pid_t pid = fork();
  if (pid == 0) {
    TellCrashes(culprit);
    GuardExit();
    how(culprit);
    _exit(99);
  }
  Death death;
  EXPECT_EQ(waitpid(pid, &death.status, 0), pid);
  death.culprit = culprit->value();
  return death;
}

void OnThread(Culprit* culprit, int32_t number, const std::function<void()>& body) {
  std::thread([&] {
    const WatchedThread watched(culprit, number);
    body();
  }).join();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // it has handlers of its own, and stacks of another size
#else
constexpr bool kSanitized = false;
#endif

class CrashTeller : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "sanitizers take these signals themselves";
  }
};

TEST_F(CrashTeller, AFaultNamesItsThreadAndEndsTheProcessAsItWould) {
  const Death death = DieBy([](Culprit* culprit) {
    OnThread(culprit, 7, [] {
      volatile int* nowhere = nullptr;
      *nowhere = 1;
    });
  });
  EXPECT_TRUE(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGSEGV);
  EXPECT_EQ(death.culprit, 7);
}

int Deeper(int depth, int end) {  // `end` is never reached, which the compiler does not know
  volatile char frame[512];
  frame[0] = static_cast<char>(depth);
  return depth == end ? 0 : Deeper(depth + 1, end) + frame[0];
}

TEST_F(CrashTeller, AStackThatOverflowsNamesItsThread) {
  const Death death =
      DieBy([](Culprit* culprit) { OnThread(culprit, 3, [] { exit(Deeper(0, -1)); }); });
  EXPECT_TRUE(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGSEGV);
  EXPECT_EQ(death.culprit, 3);
}

TEST_F(CrashTeller, AnAbortNamesItsThread) {
  const Death death = DieBy([](Culprit* culprit) { OnThread(culprit, 2, [] { abort(); }); });
  EXPECT_TRUE(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGABRT);
  EXPECT_EQ(death.culprit, 2);
}

TEST_F(CrashTeller, AnExitThatIsNotMeantNamesItsThreadAndRunsNoDestructors) {
  const Death death = DieBy([](Culprit* culprit) {
    atexit([] { _exit(55); });
    GuardExit();
    OnThread(culprit, 4, [] { exit(6); });
  });
  EXPECT_TRUE(WIFEXITED(death.status));
  EXPECT_EQ(WEXITSTATUS(death.status), 6);
  EXPECT_EQ(death.culprit, 4);
}

TEST_F(CrashTeller, AnExitThatIsMeantIsNobodysFault) {
  const Death death = DieBy([](Culprit*) {
    AllowExit();
    exit(5);
  });
  EXPECT_EQ(WEXITSTATUS(death.status), 5);
  EXPECT_EQ(death.culprit, 0);
}

TEST_F(CrashTeller, AThreadThatIsNotWatchedIsToldAsAnother) {
  const Death death = DieBy([](Culprit*) { std::thread([] { abort(); }).join(); });
  EXPECT_EQ(death.culprit, Culprit::kOther);
}

TEST_F(CrashTeller, ASignalFromOutsideIsNoThreadsFault) {
  const Death death = DieBy([](Culprit* culprit) {
    OnThread(culprit, 1, [] {
      const pid_t victim = getpid();
      if (fork() == 0) {
        kill(victim, SIGSEGV);
        _exit(0);
      }
      pause();
    });
  });
  EXPECT_TRUE(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGSEGV);
  EXPECT_EQ(death.culprit, Culprit::kOutside);
}

TEST_F(CrashTeller, WhoWasNamedFirstStays) {
  Culprit culprit;
  culprit.Set(3);
  culprit.Set(4);
  EXPECT_EQ(culprit.value(), 3);
  culprit.Clear();
  EXPECT_EQ(culprit.value(), 0);
}

}  // namespace
}  // namespace millrace::process
