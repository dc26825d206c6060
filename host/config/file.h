// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace millrace::config {

enum class FileKind {
  kRegular,  // a pipe or device is refused: reading it could hang
  kAny,      // also a pipe, for instance a shell's <(…)
};

struct FileLimits {
  size_t bytes_max = 0;
  FileKind kind = FileKind::kRegular;
};

constexpr size_t kConfigBytesMax = 1024 * 1024;  // per file
constexpr size_t kConfigFilesMax = 1000;         // per folder

// The whole file. An error's message lacks the path: "cannot be read: No such file or directory".
Result<std::string> ReadTextFile(const std::string& path, FileLimits limits);

bool IsFolder(const std::string& path);

// Paths of the *.yaml and *.yml in a folder, in name order. Hidden files and sub-folders are left
// out.
Result<std::vector<std::string>> ListYamlFiles(const std::string& folder);

}  // namespace millrace::config
