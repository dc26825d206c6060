// SPDX-License-Identifier: Apache-2.0
#include "function/probe_child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/unique_fd.h"
#include "function/library.h"
#include "function/library_object.h"

namespace millrace::function {
namespace {

// Best effort: what the system does not let us have, we do without.
void WriteTo(int fd, std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
}

void Tell(ProbeMark mark, const std::string& text = {}) {
  WriteTo(kMarksFd, static_cast<char>(mark) + text);
}

// False: the parent is gone already.
bool LimitItself(pid_t parent) {
  ::prctl(PR_SET_NAME, "millrace-probe");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return false;
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  {
    const UniqueFd first_to_go(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (first_to_go) WriteTo(first_to_go.get(), "1000");
  }
  // Nothing of the host's that was left open; and nothing of ours for what a constructor starts.
  ::close_range(kMarksFd + 1, ~0U, 0);
  ::fcntl(kMarksFd, F_SETFD, FD_CLOEXEC);
  return true;
}

Status Load(const ProbeArguments& arguments) {
  auto bytes = ReadCopy(arguments.copy);
  if (!bytes) return bytes.error();
  bytes->file = arguments.file;
  auto note = InspectLibrary(*bytes);
  if (!note) return note.error();
  const CheckedCopy checked{arguments.file, bytes->sha256, arguments.copy, *std::move(note), {}};
  Tell(ProbeMark::kLoads);
  auto library = Library::Load(checked, [] { Tell(ProbeMark::kAsks); });
  if (!library) return library.error();
  Tell(ProbeMark::kTests);
  return RunSelfTest(*library);
}

}  // namespace

int RunProbe(const ProbeArguments& arguments) {
  if (!LimitItself(arguments.parent)) return EXIT_FAILURE;
  const Status loaded = Load(arguments);
  if (loaded) {
    Tell(ProbeMark::kAdmitted);
  } else {
    Tell(ProbeMark::kRefused, loaded.error().message);
  }
  return EXIT_SUCCESS;
}

}  // namespace millrace::function
