// SPDX-License-Identifier: Apache-2.0
#include "config/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace millrace::config {
namespace {

Error CannotRead(int error) {
  return Fatal("cannot be read: " + std::generic_category().message(error));
}

// Closes the descriptor when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<std::string> ReadAll(int fd, size_t bytes_max) {
  std::string text;
  char block[16 * 1024];
  for (;;) {
    const ssize_t got = read(fd, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(errno);
    if (got == 0) return text;
    text.append(block, static_cast<size_t>(got));
    if (text.size() > bytes_max) {
      return Fatal("is larger than " + std::to_string(bytes_max) + " bytes");
    }
  }
}

}  // namespace

Result<std::string> ReadTextFile(const std::string& path, FileLimits limits) {
  // Opening a pipe without a writer would block; a regular file takes no notice of the flag.
  const int wait = limits.kind == FileKind::kRegular ? O_NONBLOCK : 0;
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | wait));
  if (file.get() < 0) return CannotRead(errno);
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return CannotRead(errno);
  if (limits.kind == FileKind::kRegular && !S_ISREG(status.st_mode)) {
    return Fatal("is not a regular file");
  }
  return ReadAll(file.get(), limits.bytes_max);
}

bool IsFolder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

Result<std::vector<std::string>> ListYamlFiles(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  std::filesystem::directory_iterator at(folder, error);
  for (const std::filesystem::directory_iterator end; !error && at != end; at.increment(error)) {
    const std::filesystem::path& path = at->path();
    const bool yaml = path.extension() == ".yaml" || path.extension() == ".yml";
    if (!yaml || path.filename().string().starts_with('.') || IsFolder(path.string())) continue;
    files.push_back(path.string());
    if (files.size() > kConfigFilesMax) {
      return Fatal("holds more than " + std::to_string(kConfigFilesMax) + " YAML files");
    }
  }
  if (error) return CannotRead(error.value());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace millrace::config
