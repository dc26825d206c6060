// SPDX-License-Identifier: Apache-2.0
#include "services.h"

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <sstream>

#include "bench/kafka/check.h"
#include "store.h"

namespace millrace::drain {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kProxyPatience{10};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Output(const std::vector<std::string>& words) {
  ChildProcess child(words, "");
  const std::string all = child.ReadAll();
  bench::Require(child.Wait().code == 0, words[0] + " " + words[1] + " failed");
  return all;
}

}  // namespace

Programs FindPrograms() {
  const fs::path bin = fs::read_symlink("/proc/self/exe").parent_path();
  return {.host = bin / "millrace",
          .library = bin.parent_path() / "tests/bench/drain_function.so",
          .stack = bin.parent_path().parent_path().parent_path() / "tests/tools/stack",
          .delay_proxy = bin / "delay_proxy"};
}

ScratchFolder::ScratchFolder() {
  std::string path = fs::temp_directory_path() / "millrace-drain-XXXXXX";
  bench::Require(mkdtemp(path.data()) != nullptr, "cannot make the folder " + path);
  path_ = path;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Services::Services(const Programs& programs, const std::string& folder)
    : folder_(folder + "/stack"), kafka_(Environment("KAFKA")), redis_(Environment("REDIS")) {
  if (!kafka_.empty() && !redis_.empty()) return;
  stack_ = programs.stack;
  std::istringstream lines(Output({stack_, "up", "--dir", folder_}));
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("KAFKA=")) kafka_ = line.substr(6);
    if (line.starts_with("REDIS=")) redis_ = line.substr(6);
  }
  bench::Require(!kafka_.empty() && !redis_.empty(), stack_ + " up named no services");
}

Services::~Services() {
  if (stack_.empty()) return;
  try {
    Output({stack_, "down", "--dir", folder_});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "drain: %s\n", error.what());
  }
}

DelayedRedis::DelayedRedis(const Programs& programs, const std::string& redis_url,
                           uint32_t delay_ms) {
  const RedisAddress address = ParseRedisUrl(redis_url);
  proxy_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{programs.delay_proxy, "--to",
                               address.host + ":" + std::to_string(address.port), "--delay-ms",
                               std::to_string(delay_ms)},
      "");
  const std::string line = proxy_->ReadLine(kProxyPatience);
  bench::Require(line.starts_with("PORT="), "delay_proxy printed " + line);
  url_ = "redis://127.0.0.1:" + line.substr(5) + "/" + std::to_string(address.database);
}

}  // namespace millrace::drain
