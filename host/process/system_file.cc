// SPDX-License-Identifier: Apache-2.0
#include "process/system_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/system_text.h"
#include "base/unique_fd.h"

namespace millrace::process {

Error SystemError(const std::string& what, int code) { return Fatal(SystemText(what, code)); }

Result<std::string> ReadSystemFile(const std::string& path) {
  constexpr size_t kBytesMax = 64 * 1024;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return SystemError(path, errno);
  std::string text(kBytesMax, '\0');
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  if (got < 0) return SystemError(path, errno);
  text.resize(static_cast<size_t>(got));
  return text;
}

Status WriteSystemFile(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) return SystemError(path, errno);
  return {};
}

}  // namespace millrace::process
