// SPDX-License-Identifier: Apache-2.0
// The libraries that end or starve their process do so, however they were optimised; values that
// trigger nothing are echoed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <millrace/testing.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace millrace {
namespace {

using testing::Harness;
using testing::Library;
using testing::Result;

constexpr suseconds_t kPatienceUs = 200'000;
constexpr rlim_t kSomeBytes = rlim_t{64} << 20;

const mr_function* Load(const std::string& name) {
  return Library(MILLRACE_LIBRARIES + name + ".so").table();
}

std::string Emitted(const Result& result) {
  return result.emitted.size() == 1 ? result.emitted[0].value.value_or("null") : "not one";
}

// Ends a process that hangs, with SIGALRM.
void LosePatience() {
  const itimerval once{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = kPatienceUs}};
  setitimer(ITIMER_REAL, &once, nullptr);
}

void BoundMemory() {
  const rlimit data{.rlim_cur = kSomeBytes, .rlim_max = kSomeBytes};
  setrlimit(RLIMIT_DATA, &data);
}

TEST(Defects, ShowAtNoOrdinaryValue) {
  for (const char* name : {"segfault", "overflows_stack", "exits", "loops", "hogs_memory", "forks",
                           "kills_others", "prints", "writes_files"}) {
    EXPECT_EQ(Emitted(Harness(Load(name)).Send("k", "a")), "a") << name;
  }
  Harness counts(Load("counts_and_crashes"));
  EXPECT_EQ(Emitted(counts.Send("k", "a")), "k:1");
  EXPECT_EQ(Emitted(counts.Send("k", "a")), "k:2");
  EXPECT_EQ(Emitted(counts.Send("l", "a")), "l:1");
  EXPECT_EQ(counts.Stored("counts", "k"), "2");
}

// Sanitizers turn the signal into an exit, so that only its absence would show.
TEST(Defects, EndTheProcess) {
  EXPECT_DEATH(Harness(Load("segfault")).Send("k", "segv"), "");
  EXPECT_DEATH(Harness(Load("counts_and_crashes")).Send("k", "segv"), "");
  EXPECT_DEATH(Harness(Load("overflows_stack")).Send("k", "overflow"), "");
  EXPECT_EXIT(Harness(Load("exits")).Send("k", "exit"), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(Harness(Load("aborts_in_open")), ::testing::KilledBySignal(SIGABRT), "");
  EXPECT_EXIT(Harness(Load("aborts_in_start")), ::testing::KilledBySignal(SIGABRT), "");
}

TEST(Defects, TakeAllTheTimeThereIs) {
  for (const char* value : {"loop", "deaf"}) {
    EXPECT_EXIT(
        {
          LosePatience();
          Harness(Load("loops")).Send("k", value);
        },
        ::testing::KilledBySignal(SIGALRM), "");
  }
}

TEST(Defects, TakeAllTheMemoryThereIs) {
  EXPECT_DEATH(
      {
        BoundMemory();
        Harness(Load("hogs_memory")).Send("k", "hog");
      },
      "");
}

TEST(Defects, PrintAsManyLinesAsTheValueSays) {
  EXPECT_EXIT(
      {
        const Result result = Harness(Load("prints")).Send("k", "print 2");
        std::exit(Emitted(result) == "print 2" ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "^line 1 to stderr\nline 2 to stderr\n$");
}

}  // namespace
}  // namespace millrace
