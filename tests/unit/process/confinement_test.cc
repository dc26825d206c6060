// SPDX-License-Identifier: Apache-2.0
#include "process/confinement.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <barrier>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "unit/fakes/files.h"
#include "unit/process/child.h"
#include "unit/process/kernel.h"

namespace millrace::process {
namespace {

using fakes::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Confining : public ::testing::Test {
 protected:
  std::string Confined(const std::function<std::string()>& body,
                       std::optional<int64_t> memory_bytes_max = std::nullopt) const {
    return Said([&] {
      Confine({.memory_bytes_max = memory_bytes_max, .writable_dir = dir_.path()});
      return body();
    });
  }
  const TemporaryDirectory dir_;
};

// One end accepts in a thread of its own what the other one sends.
std::string TalkToItself() {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), any, size) != 0) return "bind";
  if (::listen(listener.get(), 1) != 0) return "listen";
  if (::getsockname(listener.get(), any, &size) != 0) return "getsockname";
  std::thread sender([&] {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), any, size) == 0) (void)::write(socket.get(), "hello", 5);
  });
  const UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  char bytes[5] = {};
  const ssize_t got = ::recv(accepted.get(), bytes, sizeof(bytes), MSG_WAITALL);
  sender.join();
  return {bytes, static_cast<size_t>(got > 0 ? got : 0)};
}

std::string Map(size_t bytes) {
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? ::strerrorname_np(errno) : "done";
}

// All of them at once: a stack is given back when its thread ends.
void StartAndJoinThreads(int count) {
  std::barrier everybody(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&] { everybody.arrive_and_wait(); });
  for (std::thread& thread : threads) thread.join();
}

int OutOfMemoryScore() {
  int score = -1;
  std::ifstream("/proc/self/oom_score_adj") >> score;
  return score;
}

TEST_F(Confining, WhatAFunctionNeedsStillWorks) {
  EXPECT_EQ(Confined(TalkToItself), "hello");
  EXPECT_EQ(
      Confined([&] {
        return Outcome(UniqueFd(::open((dir_ / "new").c_str(), O_CREAT | O_RDWR, 0644)).get());
      }),
      "done");
  EXPECT_EQ(Confined([] { return Outcome(UniqueFd(::open("/dev/null", O_WRONLY)).get()); }),
            "done");
}

TEST_F(Confining, WhatItReachedIsReported) {
  EXPECT_THAT(Said([&] { return Confine({.writable_dir = dir_.path()}).Text(); }),
              AllOf(StartsWith("no-new-privileges, no core, out of memory before the host, "),
                    Not(HasSubstr("data limit"))));
}

TEST_F(Confining, AnyUserReachesAllOfIt) {
  if (!KernelHasFilters() || LandlockOfKernel() < 1)
    GTEST_SKIP() << "the kernel has no Landlock or no filters of system calls";
  EXPECT_THAT(Said([&] {
                if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return Outcome(-1);
                ::prctl(PR_SET_DUMPABLE, 1);  // else its files in /proc stay with root
                return Confine({.writable_dir = dir_.path()}).Text();
              }),
              AllOf(HasSubstr("seccomp"), Not(HasSubstr("without"))));
}

TEST_F(Confining, PrivilegesAreGivenUp) {
  EXPECT_EQ(Confined([] { return std::to_string(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); }), "1");
}

TEST_F(Confining, NoProcessIsMadeAndNobodyIsSignalled) {
  if (!KernelHasFilters()) GTEST_SKIP() << "the kernel has no filters of system calls";
  const pid_t parent = ::getpid();
  EXPECT_EQ(Confined([] {
              const pid_t child = ::fork();
              if (child == 0) ::_exit(0);
              return Outcome(child);
            }),
            "EPERM");
  EXPECT_EQ(Confined([&] { return Outcome(::kill(parent, 0)); }), "EPERM");
}

TEST_F(Confining, NothingElseIsWritten) {
  if (LandlockOfKernel() < 1) GTEST_SKIP() << "the kernel has no Landlock";
  const TemporaryDirectory other;
  EXPECT_EQ(Confined([&] { return Outcome(::mkdir((other / "new").c_str(), 0755)); }), "EACCES");
}

// The directory may be written to, and the limit is lifted before: else the test proves nothing.
TEST_F(Confining, AnAbortEndsItWithoutACore) {
  const ChildEnd end = RunChild([&]() -> std::string {
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_CORE, &limit);
    ::prctl(PR_SET_DUMPABLE, 1);
    if (::chdir(dir_.path().c_str()) != 0) ::_exit(1);
    Confine({.writable_dir = dir_.path()});
    ::signal(SIGABRT, SIG_DFL);  // a sanitizer's handler would take it
    std::abort();
  });
  ASSERT_TRUE(WIFSIGNALED(end.status));
  EXPECT_EQ(WTERMSIG(end.status), SIGABRT);
  EXPECT_FALSE(WCOREDUMP(end.status));
}

TEST_F(Confining, TheSystemTakesItsMemoryBeforeTheHosts) {
  EXPECT_EQ(Confined([] { return std::to_string(OutOfMemoryScore()); }),
            std::to_string(std::min(OutOfMemoryScore() + 300, 1000)));
}

TEST_F(Confining, DataAboveTheLimitIsRefusedAndThreadsHaveRoom) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer maps terabytes for itself";
#endif
  constexpr int64_t kBytesMax = 64 << 20;
  EXPECT_THAT(Said([&] {
                return Confine({.memory_bytes_max = kBytesMax, .writable_dir = dir_.path()}).Text();
              }),
              HasSubstr(", data limit, "));
  EXPECT_EQ(Confined([] { return Map(64 * kBytesMax) + " " + Map(kBytesMax / 2); }, kBytesMax),
            "ENOMEM done");
  EXPECT_EQ(Confined(
                [] {
                  StartAndJoinThreads(64);
                  return Map(kBytesMax / 2);
                },
                kBytesMax),
            "done");
  EXPECT_EQ(Confined([] { return Map(64 * kBytesMax); }), "done") << "without a limit";
}

// As on a kernel that was built without them.
std::string WithoutKernelSupport(const std::string& dir) {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const uint32_t none = SCMP_ACT_ERRNO(ENOSYS);
  seccomp_rule_add(filter, none, SCMP_SYS(landlock_create_ruleset), 0);
  seccomp_rule_add(filter, none, SCMP_SYS(seccomp), 0);
  const scmp_arg_cmp sets_filter{
      .arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_SECCOMP, .datum_b = 0};
  seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1, sets_filter);
  if (seccomp_load(filter) != 0) return "no filter";
  return Confine({.writable_dir = dir}).Text();
}

TEST_F(Confining, AKernelWithoutLandlockAndFiltersIsToldAndTheRestIsDone) {
  const std::string said = Said([&] { return WithoutKernelSupport(dir_.path()); });
  if (said == "no filter") GTEST_SKIP() << "the kernel has no filters of system calls";
  EXPECT_THAT(said,
              StartsWith("no-new-privileges, no core, out of memory before the host; without: "
                         "landlock (the kernel has none), seccomp (seccomp filter: "));
}

TEST_F(Confining, ATreeThatIsNotThereIsToldAndTheRestIsDone) {
  EXPECT_THAT(Said([] { return Confine({.writable_dir = "/nowhere"}).Text(); }),
              HasSubstr("without: landlock ("));
}

TEST(ConfinementReportText, NamesBothParts) {
  EXPECT_EQ((ConfinementReport{{"a", "b"}, {}}.Text()), "a, b");
  EXPECT_EQ((ConfinementReport{{"a"}, {"b (why)", "c (why)"}}.Text()),
            "a; without: b (why), c (why)");
  EXPECT_EQ((ConfinementReport{{}, {"b (why)"}}.Text()), "nothing; without: b (why)");
}

}  // namespace
}  // namespace millrace::process
