// SPDX-License-Identifier: Apache-2.0
#include "function/admission.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>

#include "unit/function/files.h"

namespace millrace::function {
namespace {

using ::testing::HasSubstr;

class Admitting : public ::testing::Test {
 protected:
  std::unique_ptr<Admission> Open(OwnerCheck owner) {
    return Admission::Open({.cache_dir = directory_ / "cache",
                            .owner = owner,
                            .probe = ProbeSettings{.command = {TEST_PROBE}, .deadline = kDeadline}})
        .value();
  }
  std::string Put(const std::string& library) {
    WriteFile(directory_ / "f.so", ReadFile(TestLibrary(library)));
    return directory_ / "f.so";
  }
  static Result<AdmittedLibrary> ToTheEnd(Admission* admission, const std::string& path) {
    for (;;) {
      if (auto taken = admission->Take(path, std::chrono::steady_clock::now())) return *taken;
      EXPECT_TRUE(admission->probing());
      pollfd ended{admission->fd(), POLLIN, 0};
      ::poll(&ended, 1, 100);
    }
  }

  static constexpr Millis kDeadline{30'000};
  TemporaryDirectory directory_;
};

TEST_F(Admitting, AGoodLibraryIsTakenAfterItsProbe) {
  const auto admission = Open(OwnerCheck::kRefuse);
  const auto admitted = ToTheEnd(admission.get(), Put("good"));
  ASSERT_TRUE(admitted) << admitted.error().message;
  EXPECT_EQ(admitted->library->note.name, "tester");
  EXPECT_EQ(admitted->warning, "");
  EXPECT_FALSE(admission->probing());
}

TEST_F(Admitting, ALibraryThatWouldEndTheHostIsRefusedAndTheHostLives) {
  const auto admission = Open(OwnerCheck::kRefuse);
  const auto refused = ToTheEnd(admission.get(), Put("constructor_aborts"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(refused.error().message, HasSubstr("f.so: its probe ended by signal 6"));
}

TEST_F(Admitting, WhatItsBytesTellAgainstItNeedsNoProbe) {
  const auto admission = Open(OwnerCheck::kRefuse);
  const auto refused = admission->Take(Put("note_major"), std::chrono::steady_clock::now());
  ASSERT_TRUE(refused);
  EXPECT_FALSE(*refused);
}

TEST_F(Admitting, WhatMaySucceedLaterIsTriedAgainLater) {
  const auto admission = Admission::Open({.cache_dir = directory_ / "cache",
                                          .probe = ProbeSettings{.command = {"/nowhere/probe"}}})
                             .value();
  const std::string path = Put("good");
  const SteadyTime now = std::chrono::steady_clock::now();
  const auto first = admission->Take(path, now);
  ASSERT_TRUE(first && !*first);
  EXPECT_EQ(first->error().error_class, ErrorClass::kRetriable);
  std::filesystem::remove(path);
  EXPECT_EQ(admission->Take(path, now + Millis(199))->error(), first->error()) << "not looked at";
  EXPECT_EQ(admission->Take(path, now + Millis(200))->error().error_class, ErrorClass::kFatal);
  EXPECT_EQ(admission->Take(path, now + Millis(201))->error().error_class, ErrorClass::kFatal);
}

TEST_F(Admitting, AFileThatOthersMayWriteIsRefusedOrWarnedOf) {
  const std::string path = Put("good");
  ::chmod(path.c_str(), 0666);
  const auto refused = Open(OwnerCheck::kRefuse)->Take(path, std::chrono::steady_clock::now());
  ASSERT_TRUE(refused && !*refused) << "before its probe";
  EXPECT_THAT(refused->error().message, HasSubstr("has mode 0666"));
  const auto warned = ToTheEnd(Open(OwnerCheck::kWarn).get(), path);
  ASSERT_TRUE(warned) << warned.error().message;
  EXPECT_THAT(warned->warning, HasSubstr("has mode 0666"));
}

TEST_F(Admitting, AFileThatChangesWhileItsFormerContentIsProbedIsTakenAnew) {
  const auto admission = Open(OwnerCheck::kRefuse);
  const std::string path = Put("constructor_hangs");
  EXPECT_FALSE(admission->Take(path, std::chrono::steady_clock::now()));
  Put("other");
  admission->Forget(path);
  EXPECT_FALSE(admission->probing());
  const auto admitted = ToTheEnd(admission.get(), path);
  ASSERT_TRUE(admitted) << admitted.error().message;
  EXPECT_EQ(admitted->library->sha256, ReadLibrary(TestLibrary("other")).value().sha256);
}

}  // namespace
}  // namespace millrace::function
