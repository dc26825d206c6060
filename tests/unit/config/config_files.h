// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "config/config.h"

namespace millrace::config {

// A folder of its own for each test, removed at its end.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    std::string pattern = ::testing::TempDir() + "/millrace-config-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // Loads `text` as a file of its own.
  ConfigResult<HostConfig> Load(const std::string& text) const {
    return LoadConfig(Write("millrace.yaml", text));
  }

  // Every error as it would be printed, the folder left out of it.
  std::vector<std::string> Errors(const ConfigErrors& errors) const {
    std::vector<std::string> lines;
    for (const ConfigError& error : errors) {
      std::string line = ToString(error);
      const std::string prefix = folder_ + "/";
      for (size_t at = 0; (at = line.find(prefix)) != std::string::npos;) {
        line.erase(at, prefix.size());
      }
      lines.push_back(line);
    }
    return lines;
  }
  std::vector<std::string> ErrorsOf(const std::string& text) const {
    const auto config = Load(text);
    return config ? std::vector<std::string>() : Errors(config.error());
  }

  // The errors of one function with a trigger and the settings `lines`, whose first stands in line
  // 4; positions and file are left out.
  std::vector<std::string> ErrorsOfFunction(const std::string& lines) const {
    return Without(ErrorsOf("functions:\n  f:\n    triggers: [{ kafka: { topic: in } }]\n    " +
                            lines + "\n"));
  }
  static std::vector<std::string> Without(std::vector<std::string> lines) {
    for (std::string& line : lines) {
      const size_t at = line.find(" error: ");
      if (at != std::string::npos) line.erase(0, at + 8);
    }
    return lines;
  }

  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

inline std::filesystem::path SourceTree() { return MILLRACE_SOURCE_DIR; }

inline std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace millrace::config
