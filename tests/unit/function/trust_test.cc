// SPDX-License-Identifier: Apache-2.0
#include "function/trust.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/function/files.h"

namespace millrace::function {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kOwn = 1000, kOther = 1001;

LibraryBytes File(uint32_t owner, uint32_t mode) {
  LibraryBytes library;
  library.file = "f.so";
  library.owner = owner;
  library.mode = mode;
  return library;
}

TEST(LibraryTrust, FilesOfRootAndOfTheHostsUserThatNobodyElseCanWriteAreFine) {
  for (const uint32_t owner : {uint32_t{0}, uint32_t{kOwn}})
    for (const uint32_t mode : {0755u, 0644u, 0700u, 0500u})
      EXPECT_FALSE(OwnerProblem(File(owner, mode), kOwn)) << owner << " " << mode;
}

TEST(LibraryTrust, AFileOfSomebodyElseIsNamedWithBothUsers) {
  EXPECT_EQ(OwnerProblem(File(kOther, 0755), kOwn),
            "f.so: belongs to user 1001, and the host runs as user 1000: libraries have to belong "
            "to root or to the host's user; chown it");
  EXPECT_TRUE(OwnerProblem(File(kOwn, 0755), 0)) << "root does not run what others can write";
}

TEST(LibraryTrust, AFileThatOthersMayWriteIsNamedWithItsMode) {
  EXPECT_THAT(OwnerProblem(File(kOwn, 0775), kOwn).value(), HasSubstr("has mode 0775"));
  EXPECT_THAT(OwnerProblem(File(0, 0646), kOwn).value(), HasSubstr("chmod go-w"));
}

TEST(LibraryTrust, OwnerAndModeAreThoseOfTheFileThatWasRead) {
  TemporaryDirectory directory;
  WriteFile(directory / "f.so", "x");
  ::chmod((directory / "f.so").c_str(), 0664);
  std::filesystem::create_symlink(directory / "f.so", directory / "link.so");
  const LibraryBytes library = ReadLibrary(directory / "link.so").value();
  EXPECT_EQ(library.owner, ::geteuid());
  EXPECT_EQ(library.mode, 0664u);
}

}  // namespace
}  // namespace millrace::function
