// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "unit/fakes/files.h"

namespace millrace::function {

using fakes::ReadFile;
using fakes::TemporaryDirectory;
using fakes::WriteFile;

// The path of one of the libraries that tests/unit/function/CMakeLists.txt builds.
inline std::string TestLibrary(std::string_view name) {
  return std::string(TEST_LIBRARIES) + "/" + std::string(name) + ".so";
}

}  // namespace millrace::function
