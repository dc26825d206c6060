// SPDX-License-Identifier: Apache-2.0
#include "process/landlock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <bit>
#include <csignal>

#include "base/unique_fd.h"
#include "unit/fakes/files.h"
#include "unit/process/child.h"
#include "unit/process/kernel.h"

namespace millrace::process {
namespace {

using fakes::TemporaryDirectory;
// The tree that a child may write to, and one beside it; each with a file.
class Landlock : public ::testing::Test {
 protected:
  Landlock() {
    for (const auto* dir : {&inside_, &outside_}) {
      Create(*dir / "file");
      ::mkdir((*dir / "folder").c_str(), 0755);
    }
  }
  void SetUp() override {
    abi_ = LandlockOfKernel();
    if (abi_ < 1) GTEST_SKIP() << "the kernel has no Landlock";
  }
  std::string Behind(const std::function<std::string()>& call) const {
    return Said([&] {
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const auto abi = RestrictWrites(inside_.path());
      return abi ? call() : abi.error().message;
    });
  }
  std::string BehindIt(const std::function<long()>& call) const {
    return Behind([&] { return Outcome(call()); });
  }
  static long Open(const std::string& path, int flags) {
    return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC, 0644)).get();
  }
  static long Create(const std::string& path) { return Open(path, O_WRONLY | O_CREAT); }

  const TemporaryDirectory inside_, outside_;
  long abi_ = 0;
};

TEST_F(Landlock, FilesAreWrittenInTheTreeAlone) {
  EXPECT_EQ(BehindIt([&] { return Open(inside_ / "file", O_RDWR); }), "done");
  EXPECT_EQ(BehindIt([&] { return Create(inside_ / "folder/new"); }), "done");
  EXPECT_EQ(BehindIt([&] { return Open(outside_ / "file", O_WRONLY); }), "EACCES");
  EXPECT_EQ(BehindIt([&] { return Open(outside_ / "file", O_WRONLY | O_APPEND); }), "EACCES");
  EXPECT_EQ(BehindIt([&] { return Create(outside_ / "new"); }), "EACCES");
  EXPECT_EQ(BehindIt([&] { return Open("/proc/self/oom_score_adj", O_WRONLY); }), "EACCES");
}

TEST_F(Landlock, TheTreeAloneIsChanged) {
  const auto change = [this](const TemporaryDirectory& dir) {
    return Behind([&] {
      std::string outcomes = Outcome(::mkdir((dir / "made").c_str(), 0755));
      outcomes += " " + Outcome(::symlink("file", (dir / "link").c_str()));
      outcomes += " " + Outcome(::mkfifo((dir / "fifo").c_str(), 0644));
      outcomes += " " + Outcome(::rename((dir / "file").c_str(), (dir / "moved").c_str()));
      outcomes += " " + Outcome(::unlink((dir / "moved").c_str()));
      return outcomes + " " + Outcome(::rmdir((dir / "folder").c_str()));
    });
  };
  EXPECT_EQ(change(inside_), "done done done done done done");
  EXPECT_EQ(change(outside_), "EACCES EACCES EACCES EACCES ENOENT EACCES");
}

TEST_F(Landlock, AFileMovesBetweenFoldersOfTheTree) {
  if (abi_ < 2) GTEST_SKIP() << "Landlock " << abi_ << " refuses every such move";
  EXPECT_EQ(BehindIt([&] {
              return ::rename((inside_ / "file").c_str(), (inside_ / "folder/file").c_str());
            }),
            "done");
}

TEST_F(Landlock, AFileIsCutShortInTheTreeAlone) {
  if (abi_ < 3) GTEST_SKIP() << "Landlock " << abi_ << " does not know it";
  EXPECT_EQ(BehindIt([&] { return ::truncate((inside_ / "file").c_str(), 0); }), "done");
  EXPECT_EQ(BehindIt([&] { return ::truncate((outside_ / "file").c_str(), 0); }), "EACCES");
}

TEST_F(Landlock, EverythingIsRead) {
  EXPECT_EQ(BehindIt([&] { return Open(outside_ / "file", O_RDONLY); }), "done");
  EXPECT_EQ(BehindIt([] { return Open("/", O_RDONLY | O_DIRECTORY); }), "done");
  EXPECT_EQ(BehindIt([] { return ::execl("/bin/false", "false", nullptr); }), "");
}

TEST_F(Landlock, DevicesAreWrittenAndNoneIsMade) {
  EXPECT_EQ(BehindIt([] { return Open("/dev/null", O_WRONLY | O_TRUNC); }), "done");
  EXPECT_EQ(BehindIt([] { return Open("/dev/zero", O_RDWR); }), "done");
  const std::string made = "/dev/millrace-" + std::to_string(::getpid());
  EXPECT_EQ(BehindIt([&] { return Create(made); }), "EACCES");
  ::unlink(made.c_str());
}

TEST_F(Landlock, NoOtherProcessIsSignalled) {
  if (abi_ < 6) GTEST_SKIP() << "Landlock " << abi_ << " does not know it";
  const pid_t parent = ::getpid();
  ASSERT_EQ(Said([&] { return Outcome(::kill(parent, 0)); }), "done") << "without Landlock";
  EXPECT_EQ(BehindIt([&] { return ::kill(parent, 0); }), "EPERM");
  EXPECT_EQ(BehindIt([] { return ::raise(0); }), "done");
}

TEST_F(Landlock, ATreeThatIsNotThereIsToldAndNothingIsRestricted) {
  EXPECT_EQ(Said([&] {
              const auto abi = RestrictWrites("/nowhere");
              return abi.error().message + "; " + Outcome(Create(outside_ / "new"));
            }),
            "/nowhere: No such file or directory; done");
}

TEST(LandlockRights, GrowWithTheVersionAndEndWithTheNewestKnown) {
  const LandlockRights first = RightsOf(1);
  EXPECT_EQ(std::popcount(first.writes), 10) << "no kernel of version 1 takes more";
  EXPECT_EQ(first.writes & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                            LANDLOCK_ACCESS_FS_EXECUTE),
            0U);
  EXPECT_EQ(RightsOf(2).writes, first.writes | 1U << 13);
  EXPECT_EQ(RightsOf(3).writes, first.writes | 1U << 13 | 1U << 14);
  EXPECT_EQ(RightsOf(5).writes, RightsOf(3).writes);
  EXPECT_EQ(RightsOf(5).scopes, 0U);
  EXPECT_EQ(RightsOf(6).scopes, 2U) << "signals, not abstract sockets";
  EXPECT_EQ(RightsOf(99).writes, RightsOf(6).writes);
  EXPECT_EQ(RightsOf(99).scopes, RightsOf(6).scopes);
}

}  // namespace
}  // namespace millrace::process
