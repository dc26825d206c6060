// SPDX-License-Identifier: Apache-2.0
#include "function/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "function/probe_child.h"

namespace millrace::function {
namespace {

constexpr size_t kReadBytesMax = 64 * 1024;  // as much as a pipe holds
constexpr size_t kPrintedBytesMax = 300;     // of the library's output, in a message
constexpr int kFreeFd = 10;                  // above those that the child gets

std::string SystemText(const std::string& what, int code) {
  return what + ": " + std::strerror(code);  // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// Neither end ever blocks: a child that prints more than fits loses what is over.
Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Retriable(SystemText("pipe", errno));
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // dup2 onto itself would leave the end closed in the child.
  pipe.write = UniqueFd(::fcntl(ends[1], F_DUPFD_CLOEXEC, kFreeFd));
  if (!pipe.write) return Retriable(SystemText("pipe", errno));
  return pipe;
}

std::string ReadAvailable(int fd) {
  std::string text(kReadBytesMax, '\0');
  const ssize_t got = ::read(fd, text.data(), text.size());
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

// posix_spawn does not copy the host's memory, and is safe beside its threads.
class Spawner {
 public:
  Spawner() {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
  }
  ~Spawner() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // Its own process group, and none of the host's signal settings.
  void Isolate() {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  void Connect(int output, int marks) {
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files_, marks, kMarksFd);
  }
  Result<pid_t> Spawn(std::vector<std::string> command) {
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    pid_t pid = -1;
    const int code = posix_spawn(&pid, command.front().c_str(), &files_, &attributes_,
                                 arguments.data(), environ);
    if (code != 0) return Retriable(SystemText(command.front(), code));
    return pid;
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

std::string HowItEnded(int status) {
  if (!WIFSIGNALED(status)) return "exited with code " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  const char* text = ::sigdescr_np(signal);
  return "ended by signal " + std::to_string(signal) + " (" + (text ? text : "unknown") + ")";
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
  auto marks = MakePipe();
  if (!marks) return failed(marks.error());
  auto output = MakePipe();
  if (!output) return failed(output.error());
  std::vector<std::string> command = settings.command;
  command.insert(command.end(), {library.copy, library.file, std::to_string(::getpid())});

  Spawner spawner;
  spawner.Isolate();
  spawner.Connect(output->write.get(), marks->write.get());
  std::unique_ptr<Probe> probe(new Probe(std::move(library), settings.deadline));
  const auto pid = spawner.Spawn(std::move(command));
  if (!pid) return Retriable(probe->library_.file + ": cannot be probed: " + pid.error().message);
  probe->pid_ = *pid;
  probe->deadline_ = std::chrono::steady_clock::now() + settings.deadline;
  // glibc 2.36 declares pidfd_open for C alone.
  probe->process_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (!probe->process_)
    return Retriable(SystemText(probe->library_.file + ": cannot be probed: pidfd_open", errno));
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
    return Retriable(library_.file + ": cannot be probed: the probe " + HowItEnded(status) +
                     " before it loaded anything" + printed);
  const std::string where = told >= 3   ? "in its self-test"
                            : told == 2 ? "in millrace_function()"
                                        : "while it was loaded, in its constructors";
  if (late_)
    return Fatal(library_.file + ": did not come to an end within " +
                 std::to_string(allowed_.count()) + " ms " + where + printed);
  return Fatal(library_.file + ": its probe " + HowItEnded(status) + " " + where + printed);
}

}  // namespace millrace::function
