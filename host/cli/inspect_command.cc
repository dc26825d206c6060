// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_command.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "app/function_lookup.h"
#include "app/process.h"
#include "function/library.h"
#include "function/probe.h"
#include "function/trust.h"

namespace millrace::cli {
namespace {

constexpr int kTickMs = 100;

// For the copy that the probe loads.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void Print(const char* fact, const std::string& text) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "%-10s ", fact);
  std::cout << name.data() << text << "\n";
}

void PrintFile(const function::LibraryBytes& bytes) {
  std::array<char, 64> owner{};
  std::snprintf(owner.data(), owner.size(), "user %u, mode %04o", bytes.owner, bytes.mode);
  Print("file", bytes.file);
  Print("sha256", bytes.sha256);
  Print("size", std::to_string(bytes.bytes.size()) + " bytes");
  Print("owner", owner.data());
}

void PrintNote(const function::LibraryNote& note) {
  Print("abi", std::to_string(note.abi_major) + "." + std::to_string(note.abi_minor));
  Print("function", note.name.empty() ? "(suggests no name)" : note.name);
  Print("state", "version " + std::to_string(note.state_version) + ", reads from version " +
                     std::to_string(note.oldest_readable));
  for (const Use& use : note.uses)
    Print("uses", std::string(function::UseKindName(use.kind)) + " " + use.name);
  for (const KafkaTrigger& trigger : note.triggers) {
    std::string topics;
    for (const std::string& topic : trigger.topics) topics += " " + topic;
    Print("trigger", "kafka" + topics);
  }
}

Status RunToItsEnd(const function::CheckedCopy& checked) {
  auto probe = function::Probe::Start(app::ProbeByThisProgram(), {checked.copy, checked.file});
  if (!probe) return probe.error();
  const auto started = std::chrono::steady_clock::now();
  for (;;) {
    pollfd ended{.fd = (*probe)->fd(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, kTickMs);
    const auto now = std::chrono::steady_clock::now();
    const auto outcome = (*probe)->Poll(now);
    if (!outcome) continue;
    const auto took = std::chrono::duration_cast<Millis>(now - started).count();
    if (*outcome) Print("probe", "passed in " + std::to_string(took) + " ms");
    return *outcome;
  }
}

int Refused(const std::string& reason) {
  std::cout.flush();
  std::cerr << "millrace function inspect: " << reason << "\n";
  return app::kExitFailure;
}

}  // namespace

int Inspect(const std::string& file) {
  const auto bytes = function::ReadLibrary(file);
  if (!bytes) return Refused(bytes.error().message);
  PrintFile(*bytes);
  const TemporaryFolder folder;
  if (folder.path().empty()) return Refused("no temporary folder can be made for a copy");
  function::LibraryCache cache(folder.path());
  const auto checked = function::Library::Check(*bytes, &cache);
  if (!checked) return Refused(checked.error().message);
  PrintNote(checked->note);
  // None of its code runs as this user before that.
  if (const auto owner = function::OwnerProblem(*bytes, ::geteuid())) return Refused(*owner);
  if (const Status probed = RunToItsEnd(*checked); !probed) return Refused(probed.error().message);
  return app::kExitDone;
}

}  // namespace millrace::cli
