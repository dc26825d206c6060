// SPDX-License-Identifier: Apache-2.0
#include "function/function_directory.h"

#include <gmock/gmock.h>
#include <poll.h>

#include "function/library_object.h"
#include "unit/function/files.h"

namespace millrace::function {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Kind = CatalogEvent::Kind;

constexpr Millis kDeadline{10'000};

class FunctionsDir : public ::testing::Test {
 protected:
  // The YAML of these tests is "<function> <library>".
  static Result<std::vector<FunctionSpec>> ReadYaml(const std::string& path) {
    std::istringstream text(ReadFile(path));
    FunctionSpec spec;
    if (!(text >> spec.name >> spec.library)) return Fatal(path + ":1:1: error: nonsense");
    return std::vector<FunctionSpec>{spec};
  }
  void SetUp() override {
    fs::create_directory(folder());
    DirectoryOptions options;
    options.watch.directory = folder();
    options.admission.cache_dir = directory_ / "cache";
    options.read_yaml = &ReadYaml;
    functions_ = FunctionDirectory::Open(std::move(options)).value();
  }
  std::string folder() const { return directory_ / "functions"; }
  std::string operator/(const std::string& name) const { return folder() + "/" + name; }

  CatalogEvent Next() {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (events_.empty() && std::chrono::steady_clock::now() < end) {
      pollfd wait{functions_->fd(), POLLIN, 0};
      ::poll(&wait, 1, 1000);
      events_ = functions_->Poll();
    }
    if (events_.empty()) return {Kind::kRefused, "nothing", "", "nothing happened", {}, {}};
    CatalogEvent event = events_.front();
    events_.erase(events_.begin());
    return event;
  }
  static std::string Hash(const CatalogEvent& event) { return event.candidate.sha256; }
  const std::string good_ = ReadLibrary(TestLibrary("good")).value().sha256;
  const std::string other_ = ReadLibrary(TestLibrary("other")).value().sha256;

  TemporaryDirectory directory_;
  std::unique_ptr<FunctionDirectory> functions_;
  std::vector<CatalogEvent> events_;
};

TEST_F(FunctionsDir, EveryWayToReplaceALibraryGivesTheNewOne) {
  WriteFile(*this / "f.yaml", "f f.so");
  EXPECT_EQ(Next().reason, "waiting for library f.so");
  WriteFile(*this / "f.so", ReadFile(TestLibrary("good")));
  CatalogEvent event = Next();
  EXPECT_EQ(event.kind, Kind::kStarted);
  EXPECT_EQ(Hash(event), good_);
  auto generation =
      OpenGeneration({Library::Load(*event.candidate.library).value(), mr_host{}, {}, "f", 1});
  ASSERT_TRUE(generation);

  WriteFile(*this / "f.so", ReadFile(TestLibrary("other")));  // cp, cat >
  EXPECT_EQ(Hash(Next()), other_);
  fs::copy_file(TestLibrary("good"), directory_ / "new");  // mv
  fs::rename(directory_ / "new", *this / "f.so");
  EXPECT_EQ(Hash(Next()), good_);
  fs::create_symlink(TestLibrary("other"), directory_ / "link");  // ln -sf
  fs::rename(directory_ / "link", *this / "f.so");
  event = Next();
  EXPECT_EQ(event.kind, Kind::kReplaced);
  EXPECT_EQ(Hash(event), other_);
  EXPECT_EQ((*generation)->hash12, good_.substr(0, 12));
}

TEST_F(FunctionsDir, BadLibraryIsNamedAndAGoodOneMendsIt) {
  WriteFile(*this / "f.so", ReadFile(TestLibrary("good")));
  WriteFile(*this / "f.yaml", "f f.so");
  while (Next().kind == Kind::kWaiting) {
  }
  const std::string good = ReadFile(TestLibrary("good"));
  WriteFile(*this / "f.so", std::string_view(good).substr(0, good.size() - 100));
  CatalogEvent event = Next();
  EXPECT_EQ(event.kind, Kind::kRefused);
  EXPECT_EQ(event.function, "f");
  EXPECT_THAT(event.reason, HasSubstr("was it copied completely?"));
  WriteFile(*this / "f.so", ReadFile(TestLibrary("note_major")));
  EXPECT_THAT(Next().reason, HasSubstr("this host has ABI 1.2"));
  WriteFile(*this / "f.so", ReadFile(TestLibrary("other")));
  EXPECT_EQ(Hash(Next()), other_);
  fs::remove(*this / "f.yaml");
  EXPECT_EQ(Next().kind, Kind::kRemoved);
}

TEST_F(FunctionsDir, LibraryElsewhereAndFunctionsOfTheMainConfigurationAreServed) {
  fs::copy_file(TestLibrary("good"), directory_ / "lib.so");
  FunctionSpec spec;
  spec.name = "main";
  spec.library = "../lib.so";
  functions_->Declare("millrace.yaml", {spec});
  CatalogEvent event = Next();
  while (event.kind == Kind::kWaiting) event = Next();
  EXPECT_EQ(event.function, "main");
  EXPECT_EQ(Hash(event), good_);
  fs::copy_file(TestLibrary("other"), directory_ / "lib.so", fs::copy_options::overwrite_existing);
  event = Next();
  while (event.kind == Kind::kRefused) event = Next();  // seen half-written, perhaps
  EXPECT_EQ(Hash(event), other_);
}

TEST_F(FunctionsDir, FirstLookRemovesCopiesThatNobodyUsesAndKeepsWhatIsWanted) {
  const std::string cache = directory_ / "cache";
  fs::create_directory(cache);
  const std::string unused = cache + "/" + std::string(64, 'a') + ".so";
  const std::string wanted = cache + "/" + good_ + ".so";
  WriteFile(unused, "old");
  fs::copy_file(TestLibrary("good"), wanted);
  for (const std::string& copy : {unused, wanted})
    fs::last_write_time(copy, fs::file_time_type::clock::now() - 2 * LibraryCache::kUnusedAfter);
  WriteFile(*this / "f.so", ReadFile(TestLibrary("good")));
  WriteFile(*this / "f.yaml", "f f.so");
  EXPECT_EQ(Next().kind, Kind::kStarted);
  EXPECT_FALSE(fs::exists(unused));
  EXPECT_TRUE(fs::exists(wanted));
}

}  // namespace
}  // namespace millrace::function
