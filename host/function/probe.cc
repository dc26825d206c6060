// SPDX-License-Identifier: Apache-2.0
#include "function/probe.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "function/probe_child.h"
#include "process/spawn.h"

namespace millrace::function {
namespace {

constexpr size_t kReadBytesMax = 64 * 1024;  // as much as a pipe holds
constexpr size_t kPrintedBytesMax = 300;     // of the library's output, in a message

std::string ReadAvailable(int fd) {
  std::string text(kReadBytesMax, '\0');
  const ssize_t got = ::read(fd, text.data(), text.size());
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

// The end of what the library printed, as far as the pipe held it, on one line.
std::string Printed(const std::string& output) {
  std::string_view tail = output;
  while (tail.ends_with('\n')) tail.remove_suffix(1);
  if (tail.size() > kPrintedBytesMax) tail.remove_prefix(tail.size() - kPrintedBytesMax);
  if (tail.empty()) return {};
  std::string line(tail);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, ' ');
  return "; it printed: " + line;
}

}  // namespace

Result<std::unique_ptr<Probe>> Probe::Start(const ProbeSettings& settings, ProbedLibrary library) {
  const auto failed = [&library](const Error& error) {
    return Retriable(library.file + ": cannot be probed: " + error.message);
  };
  auto marks = process::MakePipe();
  if (!marks) return failed(marks.error());
  auto output = process::MakePipe();
  if (!output) return failed(output.error());
  process::SpawnRequest request{.command = settings.command,
                                .output = output->write.get(),
                                .descriptors = {{marks->write.get(), kMarksFd}}};
  request.command.insert(request.command.end(),
                         {library.copy, library.file, std::to_string(::getpid())});

  std::unique_ptr<Probe> probe(new Probe(library, settings.deadline));
  const auto pid = process::Spawn(std::move(request));
  if (!pid) return failed(pid.error());
  probe->pid_ = *pid;
  probe->deadline_ = std::chrono::steady_clock::now() + settings.deadline;
  auto watched = process::WatchProcess(*pid);
  if (!watched) return failed(watched.error());
  probe->process_ = *std::move(watched);
  probe->marks_ = std::move(marks->read);
  probe->output_ = std::move(output->read);
  return probe;
}

Probe::~Probe() {
  if (pid_ > 0) Reap();
}

std::optional<Status> Probe::Poll(SteadyTime now) {
  pollfd ended{.fd = process_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, 0) != 1) {
    if (now >= deadline_ && !std::exchange(late_, true)) ::kill(-pid_, SIGKILL);
    return std::nullopt;
  }
  return Judge(Reap());
}

// With all of its group, while its number is still taken.
int Probe::Reap() {
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

Status Probe::Judge(int status) const {
  const std::string marks = ReadAvailable(marks_.get());
  const std::string printed = Printed(ReadAvailable(output_.get()));
  // How far it came; what else is there a library has written by mistake.
  constexpr std::array kOrder{ProbeMark::kLoads, ProbeMark::kAsks, ProbeMark::kTests,
                              ProbeMark::kAdmitted};
  size_t told = 0;
  const auto is = [&](size_t at, ProbeMark mark) {
    return at < marks.size() && marks[at] == static_cast<char>(mark);
  };
  while (told < kOrder.size() && is(told, kOrder[told])) ++told;
  if (is(told, ProbeMark::kRefused)) return Fatal(marks.substr(told + 1) + printed);
  if (told == kOrder.size() && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (told == 0)
    return Retriable(library_.file + ": cannot be probed: the probe " +
                     process::HowItEnded(status) + " before it loaded anything" + printed);
  const std::string where = told >= 3   ? "in its self-test"
                            : told == 2 ? "in millrace_function()"
                                        : "while it was loaded, in its constructors";
  if (late_)
    return Fatal(library_.file + ": did not come to an end within " +
                 std::to_string(allowed_.count()) + " ms " + where + printed);
  return Fatal(library_.file + ": its probe " + process::HowItEnded(status) + " " + where +
               printed);
}

}  // namespace millrace::function
