// SPDX-License-Identifier: Apache-2.0
#include "function/probe.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "function/library_cache.h"
#include "unit/function/files.h"

namespace millrace::function {
namespace {

using ::testing::HasSubstr;

constexpr Millis kSoon{500};
constexpr Millis kLong{30'000};  // a sanitizer starts slowly

class Probing : public ::testing::Test {
 protected:
  std::string CopyOf(const std::string& name) {
    return cache_.Store(ReadLibrary(TestLibrary(name)).value()).value();
  }
  Status Run(const std::string& name, Millis deadline = kLong) {
    auto probe = Probe::Start({.command = {TEST_PROBE}, .deadline = deadline},
                              {CopyOf(name), "the-users.so"});
    if (!probe) return probe.error();
    for (;;) {
      pollfd ended{(*probe)->fd(), POLLIN, 0};
      ::poll(&ended, 1, 50);
      if (const auto outcome = (*probe)->Poll(std::chrono::steady_clock::now())) return *outcome;
    }
  }
  // "" when it is not refused.
  std::string Refusal(const std::string& name, Millis deadline = kLong) {
    const Status status = Run(name, deadline);
    if (status) return "";
    EXPECT_EQ(status.error().error_class, ErrorClass::kFatal) << status.error().message;
    return status.error().message;
  }

  const TemporaryDirectory directory_;
  LibraryCache cache_{directory_ / "cache"};
};

TEST_F(Probing, AGoodLibraryPasses) { EXPECT_EQ(Refusal("good"), ""); }

TEST_F(Probing, ADefectThatTheHostWouldFindIsToldInTheSameWords) {
  EXPECT_THAT(Refusal("table_major"), HasSubstr("the-users.so: library ABI 2.2, this host has"));
  EXPECT_THAT(Refusal("undefined"), HasSubstr("nobody_defines_this"));
}

TEST_F(Probing, ALibraryThatEndsTheProcessIsToldWithHowAndWhere) {
  EXPECT_THAT(Refusal("constructor_exits"),
              HasSubstr("its probe exited with code 0 while it was loaded, in its constructors"));
  EXPECT_EQ(Refusal("constructor_aborts"),
            "the-users.so: its probe ended by signal 6 (Aborted) while it was loaded, in its "
            "constructors; it printed: out of cheese");
  EXPECT_THAT(Refusal("entry_aborts"), HasSubstr("signal 6 (Aborted) in millrace_function()"));
}

TEST_F(Probing, ALibraryThatHangsIsEndedAtTheDeadline) {
  EXPECT_THAT(Refusal("constructor_hangs", kSoon),
              HasSubstr("did not come to an end within 500 ms"));
  EXPECT_THAT(Refusal("entry_hangs", kSoon), HasSubstr("in millrace_function()"));
}

TEST_F(Probing, ALibraryTestsItselfIfItWantsTo) {
  EXPECT_EQ(Refusal("self_test_refuses"),
            "the-users.so refused in its self-test: two and two is five");
  EXPECT_THAT(Refusal("self_test_aborts"), HasSubstr("signal 6 (Aborted) in its self-test"));
  EXPECT_THAT(Refusal("self_test_hangs", kSoon), HasSubstr("within 500 ms in its self-test"));
  EXPECT_EQ(Refusal("first_table"), "") << "what a table of ABI 1.0 does not hold is not called";
}

TEST_F(Probing, ALibraryThatPrintsMoreThanAnybodyReadsIsNotHeldUp) {
  EXPECT_EQ(Refusal("constructor_talks"), "");
}

TEST_F(Probing, WhatALibraryStartedEndsWithItsProbe) {
  const std::string refusal = Refusal("constructor_forks");
  const size_t at = refusal.find("child ");
  ASSERT_NE(at, std::string::npos) << refusal;
  const pid_t child = std::stoi(refusal.substr(at + 6));
  const auto until = std::chrono::steady_clock::now() + kLong;
  while (::kill(child, 0) == 0 && std::chrono::steady_clock::now() < until) ::poll(nullptr, 0, 10);
  EXPECT_EQ(::kill(child, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(Probing, AProbeThatIsDroppedLeavesNoProcess) {
  auto probe = Probe::Start({.command = {TEST_PROBE}, .deadline = kLong},
                            {CopyOf("constructor_hangs"), "f.so"});
  ASSERT_TRUE(probe);
  probe->reset();
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(Probing, AProbeThatCannotBeStartedMayBeLater) {
  const auto missing = Probe::Start({.command = {"/nowhere/probe"}}, {"f.so", "f.so"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().error_class, ErrorClass::kRetriable);
  EXPECT_THAT(missing.error().message,
              HasSubstr("f.so: cannot be probed: /nowhere/probe: No such"));

  auto wrong = Probe::Start({.command = {"/bin/false"}}, {"f.so", "f.so"});
  ASSERT_TRUE(wrong);
  std::optional<Status> outcome;
  while (!(outcome = (*wrong)->Poll(std::chrono::steady_clock::now()))) ::poll(nullptr, 0, 10);
  ASSERT_FALSE(*outcome);
  EXPECT_EQ(outcome->error().error_class, ErrorClass::kRetriable);
  EXPECT_THAT(outcome->error().message, HasSubstr("exited with code 1 before it loaded anything"));
}

}  // namespace
}  // namespace millrace::function
