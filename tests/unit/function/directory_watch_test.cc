// SPDX-License-Identifier: Apache-2.0
#include "function/directory_watch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>

#include <filesystem>

#include "unit/function/files.h"

namespace millrace::function {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Kind = Change::Kind;

constexpr Millis kDeadline{10'000};  // of a wait that should take a fraction of a second

class Watching : public ::testing::Test {
 protected:
  void Open(Millis settle = Millis(100)) {
    WatchOptions options;
    options.directory = folder();
    options.settle = settle;
    watch_ = DirectoryWatch::Open(options).value();
  }
  void SetUp() override { fs::create_directory(folder()); }
  std::string folder() const { return directory_ / "functions"; }
  std::string operator/(const std::string& name) const { return folder() + "/" + name; }

  // "+name" present, "-name" removed; in the order of the reports.
  std::string Take() {
    std::string text;
    for (const Change& change : watch_->Poll()) {
      if (!text.empty()) text += ' ';
      text += (change.kind == Kind::kPresent ? "+" : "-") + change.name;
      last_ = change.identity;
    }
    return text;
  }
  // Follows the descriptor until something changed.
  std::string Next() {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < end) {
      pollfd wait{watch_->fd(), POLLIN, 0};
      ::poll(&wait, 1, 1000);
      if (std::string text = Take(); !text.empty()) return text;
    }
    return "nothing";
  }
  // What is told until `name` was, however it was bundled.
  void Until(const std::string& report) {
    for (std::string told = Next(); told.find(report) == std::string::npos; told = Next())
      ASSERT_NE(told, "nothing") << report;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<DirectoryWatch> watch_;
  FileIdentity last_;
};

TEST_F(Watching, FirstPollGivesWhatLiesThere) {
  WriteFile(*this / "b.so", "1");
  WriteFile(*this / "a.yaml", "1");
  WriteFile(*this / ".hidden.so", "1");
  WriteFile(*this / "readme.txt", "1");
  fs::create_directory(*this / "folder.so");
  for (const char* name : {"a.yaml", "b.so"})
    fs::last_write_time(*this / name, fs::file_time_type::clock::now() - std::chrono::hours(1));
  Open(Millis(1));
  EXPECT_EQ(Next(), "+a.yaml +b.so");
}

TEST_F(Watching, EveryWayToReplaceAFileIsSeen) {
  Open();
  WriteFile(*this / "f.so", "one");
  Until("+f.so");
  EXPECT_EQ(last_.size, 3);

  WriteFile(directory_ / "new", "four");  // mv
  fs::rename(directory_ / "new", *this / "f.so");
  Until("+f.so");
  EXPECT_EQ(last_.size, 4);

  WriteFile(directory_ / "new", "fiver");  // cp, cat >
  fs::copy_file(directory_ / "new", *this / "f.so", fs::copy_options::overwrite_existing);
  Until("+f.so");
  EXPECT_EQ(last_.size, 5);

  fs::create_symlink(directory_ / "new", directory_ / "link");  // ln -sf
  WriteFile(directory_ / "new", "sixsix");
  fs::rename(directory_ / "link", *this / "f.so");
  Until("+f.so");
  EXPECT_EQ(last_.size, 6);

  WriteFile(directory_ / "new", "seven77");  // the target of the link
  Until("+f.so");
  EXPECT_EQ(last_.size, 7);

  fs::remove(*this / "f.so");
  Until("-f.so");
}

TEST_F(Watching, HalfWrittenFileIsNotReportedBeforeItsWriterIsDone) {
  Open(Millis(600'000));  // nothing counts as complete by age
  EXPECT_EQ(Take(), "");
  const int fd = ::open((*this / "f.so").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(fd, "half", 4), 4);
  EXPECT_EQ(Take(), "");
  ASSERT_EQ(::write(fd, "half", 4), 4);
  EXPECT_EQ(Take(), "");
  ::close(fd);
  EXPECT_EQ(Next(), "+f.so");
  EXPECT_EQ(last_.size, 8);
  EXPECT_EQ(Take(), "");
}

TEST_F(Watching, FileThatIsNeverClosedIsReportedOnceItStaysAsItIs) {
  Open();
  EXPECT_EQ(Take(), "");
  const int fd = ::open((*this / "f.so").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(fd, "half", 4), 4);
  EXPECT_EQ(Next(), "+f.so");
  ::close(fd);
}

TEST_F(Watching, RemovingAndCreatingIsOneChange) {
  Open(Millis(600'000));
  WriteFile(*this / "f.so", "one");
  EXPECT_EQ(Next(), "+f.so");
  fs::remove(*this / "f.so");
  EXPECT_EQ(Take(), "");
  WriteFile(*this / "f.so", "two");
  EXPECT_EQ(Next(), "+f.so");
}

TEST_F(Watching, SameSizeInTheSameTickIsSeen) {
  Open(Millis(600'000));
  for (int i = 0; i < 200; ++i) {
    WriteFile(*this / "f.so", std::to_string(1000 + i));
    ASSERT_EQ(Take(), "+f.so") << i;
  }
}

TEST_F(Watching, LostEventsAreMadeUpForByLooking) {
  Open(Millis(1));
  WriteFile(*this / "f.so", "one");
  Until("+f.so");
  // More than the kernel's queue holds (16,384 by default).
  for (int i = 0; i < 10'000; ++i) {
    fs::rename(*this / "f.so", *this / "g.so");
    fs::rename(*this / "g.so", *this / "f.so");
  }
  fs::rename(*this / "f.so", *this / "h.so");
  std::string told;
  while (told.find("-f.so") == std::string::npos || told.find("+h.so") == std::string::npos) {
    const std::string next = Next();
    ASSERT_NE(next, "nothing") << told;
    told += " " + next;
  }
}

TEST_F(Watching, MissingDirectoryRemovesNothingAndIsWatchedWhenItIsBack) {
  Open();
  WriteFile(*this / "f.so", "one");
  WriteFile(*this / "g.so", "one");
  for (std::string told;
       told.find("f.so") == std::string::npos || told.find("g.so") == std::string::npos;) {
    const std::string next = Next();
    ASSERT_NE(next, "nothing");
    told += next;
  }
  fs::rename(folder(), directory_ / "away");
  EXPECT_EQ(Take(), "");
  EXPECT_THAT(watch_->problem(), HasSubstr("functions_dir cannot be read: No such file"));
  fs::create_directory(folder());
  WriteFile(*this / "f.so", "another");
  std::string told;
  while (told.find("+f.so") == std::string::npos || told.find("-g.so") == std::string::npos) {
    const std::string next = Next();
    ASSERT_NE(next, "nothing") << told;
    told += next;
  }
  EXPECT_EQ(watch_->problem(), "");
  WriteFile(*this / "h.so", "one");
  Until("+h.so");
}

TEST_F(Watching, FilesElsewhereAreWatchedOnRequest) {
  Open();
  WriteFile(directory_ / "lib.so", "one");
  EXPECT_EQ(Take(), "");
  watch_->WatchAlso({"../lib.so"});
  Until("+../lib.so");
  WriteFile(directory_ / "lib.so", "three");
  Until("+../lib.so");
  EXPECT_EQ(last_.size, 5);
  watch_->WatchAlso({});
  fs::remove(directory_ / "lib.so");
  EXPECT_EQ(Take(), "");
}

}  // namespace
}  // namespace millrace::function
