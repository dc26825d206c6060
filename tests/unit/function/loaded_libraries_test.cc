// SPDX-License-Identifier: Apache-2.0
#include "function/loaded_libraries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "function/library_cache.h"
#include "unit/function/files.h"

namespace millrace::function {
namespace {

using ::testing::HasSubstr;

TEST(LoadedLibraries, OneTooManyIsRefusedAndThoseThatAreLoadedAreNot) {
  const TemporaryDirectory directory;
  LibraryCache cache(directory / "cache");
  const auto checked = [&cache](const char* name) {
    return Library::Check(ReadLibrary(TestLibrary(name)).value(), &cache).value();
  };
  LoadedLibraries loaded(1);
  EXPECT_TRUE(loaded.Load(checked("good")));
  const auto refused = loaded.Load(checked("other"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(refused.error().message, HasSubstr("has loaded 1 different libraries"));
  EXPECT_TRUE(loaded.Load(checked("good")));
}

}  // namespace
}  // namespace millrace::function
