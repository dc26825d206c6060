// SPDX-License-Identifier: Apache-2.0
#include "function/library_cache.h"

#include <gmock/gmock.h>
#include <sys/file.h>

#include "base/unique_fd.h"
#include "function/library.h"
#include "unit/function/files.h"

namespace millrace::function {
namespace {

namespace fs = std::filesystem;
using ::testing::UnorderedElementsAre;

constexpr auto kLongAgo = LibraryCache::kUnusedAfter + std::chrono::hours(1);
constexpr auto kRecently = LibraryCache::kUnusedAfter - std::chrono::hours(1);

class UnusedCopies : public ::testing::Test {
 protected:
  static void Age(const std::string& path, std::chrono::hours age) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - age);
  }
  // A file of the cache with this name and age.
  std::string Put(const std::string& name, std::chrono::hours age) {
    fs::create_directory(folder_);
    WriteFile(folder_ + "/" + name, "x");
    Age(folder_ + "/" + name, age);
    return name;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    return names;
  }

  const LibraryBytes good_ = ReadLibrary(TestLibrary("good")).value();
  const std::string hash_ = std::string(64, 'a');
  TemporaryDirectory directory_;
  std::string folder_ = directory_ / "cache";
  LibraryCache cache_{folder_};
};

TEST_F(UnusedCopies, AreReadByWhatTheirNamesSay) {
  const std::string copy = cache_.Store(good_).value();
  EXPECT_EQ(ReadCopy(copy).value().bytes, good_.bytes);
  fs::permissions(copy, fs::perms::owner_all);
  WriteFile(copy, "other");
  const auto damaged = ReadCopy(copy);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(damaged.error().message, testing::HasSubstr("no longer what its name says"));
}

TEST_F(UnusedCopies, AreRemovedWithWhatKilledWritersLeft) {
  Put(hash_ + ".so", kLongAgo);
  Put(hash_ + ".so.Ab3dEf", kLongAgo);
  const std::string recent = Put(std::string(64, 'b') + ".so", kRecently);
  EXPECT_EQ(cache_.RemoveUnused(), 2);
  EXPECT_THAT(Names(), UnorderedElementsAre(recent));
}

TEST_F(UnusedCopies, FilesThatAreNoCopiesStay) {
  for (const std::string& name : {std::string("notes.so"), hash_, hash_ + ".so.old", hash_ + "a.so",
                                  std::string(64, 'A') + ".so", "." + hash_ + ".so"}) {
    Put(name, kLongAgo);
  }
  fs::create_directory(folder_ + "/" + hash_ + ".so");
  Age(folder_ + "/" + hash_ + ".so", kLongAgo);
  EXPECT_EQ(cache_.RemoveUnused(), 0);
  EXPECT_EQ(Names().size(), 7u);
}

TEST_F(UnusedCopies, CopyThatIsAskedForAgainIsUsed) {
  const std::string path = cache_.Store(good_).value();
  Age(path, kLongAgo);
  EXPECT_EQ(cache_.Store(good_).value(), path);
  EXPECT_EQ(cache_.RemoveUnused(), 0);
  EXPECT_EQ(ReadFile(path), good_.bytes);
}

TEST_F(UnusedCopies, LibraryThatIsLoadedWorksOnWithoutItsCopyAndIsLoadedAgain) {
  const auto loaded = Library::Load(Library::Check(good_, &cache_).value()).value();
  Age(folder_ + "/" + good_.sha256 + ".so", kLongAgo);
  EXPECT_EQ(cache_.RemoveUnused(), 1);
  EXPECT_NE(loaded->table().handle, nullptr);
  EXPECT_TRUE(Library::Load(Library::Check(good_, &cache_).value()));
}

TEST_F(UnusedCopies, ACopyThatMayBeLoadedAgainStaysUntilNobodyWantsIt) {
  auto checked = std::make_unique<CheckedCopy>(Library::Check(good_, &cache_).value());
  Age(checked->copy, kLongAgo);
  EXPECT_EQ(cache_.RemoveUnused(), 0);
  EXPECT_TRUE(Library::Load(*checked));
  checked.reset();
  EXPECT_EQ(cache_.RemoveUnused(), 1);
}

TEST_F(UnusedCopies, RemovalAndUseOfTwoHostsKeepOutOfEachOthersWay) {
  Put(hash_ + ".so", kLongAgo);
  UniqueFd other(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(::flock(other.get(), LOCK_SH), 0);  // it looks for its copy
  EXPECT_EQ(cache_.RemoveUnused(), 0);
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);  // it removes copies
  const auto stored = cache_.Store(good_);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().error_class, ErrorClass::kRetriable);
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  EXPECT_TRUE(cache_.Store(good_));
  EXPECT_EQ(cache_.RemoveUnused(), 1);
}

TEST_F(UnusedCopies, OneCallRemovesOnlySoMany) {
  for (int i = 0; i < LibraryCache::kRemovalsMax + 3; ++i) {
    std::string digits = std::to_string(i);
    Put(std::string(64 - digits.size(), 'a') + digits + ".so", kLongAgo);
  }
  EXPECT_EQ(cache_.RemoveUnused(), LibraryCache::kRemovalsMax);
  EXPECT_EQ(cache_.RemoveUnused(), 3);
}

TEST_F(UnusedCopies, CacheThatIsNotThereHasNone) { EXPECT_EQ(cache_.RemoveUnused(), 0); }

}  // namespace
}  // namespace millrace::function
