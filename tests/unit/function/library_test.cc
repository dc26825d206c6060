// SPDX-License-Identifier: Apache-2.0
#include "function/library.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "function/library_object.h"
#include "unit/function/files.h"

namespace millrace::function {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LibraryLoading : public ::testing::Test {
 protected:
  Result<std::shared_ptr<const Library>> Load(const std::string& path) {
    auto bytes = ReadLibrary(path);
    if (!bytes) return bytes.error();
    auto checked = Library::Check(*bytes, &cache_);
    if (!checked) return checked.error();
    return Library::Load(*checked);
  }
  std::string Refusal(const std::string& name) {
    auto library = Load(TestLibrary(name));
    return library ? "" : library.error().message;
  }
  Result<std::shared_ptr<const Generation>> Open(std::map<std::string, std::string> config) {
    return OpenGeneration(
        {Load(TestLibrary("good")).value(), mr_host{}, std::move(config), "f", 1});
  }

  TemporaryDirectory directory_;
  LibraryCache cache_{directory_ / "cache"};
};

TEST_F(LibraryLoading, GoodLibraryGivesItsTableAndUses) {
  auto library = Load(TestLibrary("good"));
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_EQ((*library)->sha256().size(), 64u);
  EXPECT_EQ((*library)->note().name, "tester");
  EXPECT_THAT((*library)->uses(),
              ElementsAre(Use{1, UseKind::kValue, "seen"}, Use{2, UseKind::kOutput, "counts"}));
}

TEST_F(LibraryLoading, ATableOfALaterMinorVersionIsAccepted) {
  EXPECT_EQ(Refusal("long_table"), "");
}

TEST_F(LibraryLoading, EachDefectIsNamed) {
  const std::pair<const char*, const char*> defects[] = {
      {"no_note", "has no millrace note, so it is not a function library"},
      {"no_symbol", "does not export millrace_function"},
      {"no_table", "millrace_function gave no table"},
      {"short_table", "its table has 16 bytes"},
      {"no_handle", "its table has no 'handle'"},
      {"table_major", "library ABI 2.2, this host has ABI 1.2"},
      {"note_major", "library ABI 2.0, this host has ABI 1.2"},
      {"counter", "counter is not available in this version"},
      {"table_counter", "counter (of 'seen') is not available in this version"},
      {"ttl", "ttl (of 'seen') is not available in this version"},
      {"twice_id", "id 1 is declared twice, again by 'counts'"},
      {"other_use", "value 'seen' is in the table but not in the note"},
      {"bad_name", "use 1 has no valid name"},
      {"undefined", "nobody_defines_this"},
  };
  for (const auto& [name, reason] : defects) {
    const std::string refusal = Refusal(name);
    EXPECT_THAT(refusal, HasSubstr(reason)) << name;
    EXPECT_THAT(refusal, HasSubstr(TestLibrary(name))) << "names the user's own file";
  }
}

TEST_F(LibraryLoading, TruncatedFileIsRefusedWithoutBeingLoaded) {
  const std::string good = ReadFile(TestLibrary("good"));
  WriteFile(directory_ / "cut.so", std::string_view(good).substr(0, good.size() / 2));
  auto library = Load(directory_ / "cut.so");
  ASSERT_FALSE(library);
  EXPECT_THAT(library.error().message, HasSubstr("was it copied completely?"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "cache")) << "nothing bad is kept";
}

TEST_F(LibraryLoading, OverwritingTheUsersFileLeavesTheLoadedOneAlone) {
  WriteFile(directory_ / "f.so", ReadFile(TestLibrary("good")));
  auto first = Load(directory_ / "f.so");
  ASSERT_TRUE(first);
  auto generation = OpenGeneration({*first, mr_host{}, {}, "f", 1});
  ASSERT_TRUE(generation);
  WriteFile(directory_ / "f.so", std::string(100'000, '\0'));  // same inode, new bytes
  auto instance = (*generation)->start();
  ASSERT_TRUE(instance);
  mr_event event{};
  EXPECT_EQ((*generation)->table->handle(*instance, nullptr, &event), MR_DONE);
  (*generation)->table->stop(*instance);

  WriteFile(directory_ / "f.so", ReadFile(TestLibrary("other")));
  auto second = Load(directory_ / "f.so");
  ASSERT_TRUE(second);
  EXPECT_NE((*first)->sha256(), (*second)->sha256());
  EXPECT_NE((*first)->table().open, (*second)->table().open) << "really another library";
}

TEST_F(LibraryLoading, OpenAndStartReadTheConfigAndRefuseInTheirOwnWords) {
  EXPECT_TRUE(Open({{"other", "x"}}));
  auto refused = Open({{"refuse", "robots are not ignored"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(refused.error().message, HasSubstr("refused in open(): robots are not ignored"));
  EXPECT_THAT(Open({{"fail", "1"}}).error().message, HasSubstr("refused in open(): status 77"));
  auto opened = Open({{"refuse_start", "no room"}});
  ASSERT_TRUE(opened);
  auto started = (*opened)->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("refused in start(): no room"));
}

TEST_F(LibraryLoading, TheLastReferenceClosesTheLibraryObject) {
  struct Object {  // as library.c lays it out
    const mr_host* host;
    const char* text;
    int instances;
  };
  auto generation = Open({}).value();
  const auto* object = static_cast<const Object*>(generation->library);
  EXPECT_STREQ(object->text, "good");
  EXPECT_EQ(object->host->size, sizeof(mr_host));
  EXPECT_EQ(generation->hash12.size(), 12u);
  auto lane = generation->keep_alive;
  generation.reset();
  EXPECT_STREQ(object->text, "good");
  lane.reset();
  EXPECT_EQ(object->text, nullptr);
}

TEST_F(LibraryLoading, ACopyIsReusedAndADamagedOneReplaced) {
  const auto bytes = ReadLibrary(TestLibrary("good")).value();
  const std::string path = cache_.Store(bytes).value();
  EXPECT_THAT(path, HasSubstr(bytes.sha256 + ".so"));
  struct stat first {
  }, again{}, replaced{};
  ASSERT_EQ(::stat(path.c_str(), &first), 0);
  EXPECT_EQ(first.st_mode & 0777, 0500u);
  EXPECT_EQ(cache_.Store(bytes).value(), path);
  ASSERT_EQ(::stat(path.c_str(), &again), 0);
  EXPECT_EQ(first.st_ino, again.st_ino);

  ::chmod(path.c_str(), 0700);
  WriteFile(path, "damaged");
  EXPECT_EQ(cache_.Store(bytes).value(), path);
  ASSERT_EQ(::stat(path.c_str(), &replaced), 0);
  EXPECT_EQ(ReadFile(path), bytes.bytes);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "cache"))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 1u) << "no temporary file is left";
}

TEST_F(LibraryLoading, WhatIsNoRegularFileIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo((directory_ / "fifo.so").c_str(), 0600), 0);
  EXPECT_THAT(ReadLibrary(directory_ / "fifo.so").error().message, HasSubstr("not a regular file"));
  EXPECT_THAT(ReadLibrary(directory_.path()).error().message, HasSubstr("not a regular file"));
  EXPECT_THAT(ReadLibrary(directory_ / "absent.so").error().message,
              HasSubstr("absent.so: cannot be opened: No such file"));
  WriteFile(directory_ / "huge.so", "");
  std::filesystem::resize_file(directory_ / "huge.so", kLibraryBytesMax + 1);
  EXPECT_THAT(ReadLibrary(directory_ / "huge.so").error().message, HasSubstr("the limit is"));
}

}  // namespace
}  // namespace millrace::function
