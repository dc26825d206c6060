// SPDX-License-Identifier: Apache-2.0
#include "process/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace millrace::process {
namespace {

constexpr int kFreeFd = 10;  // above those that children get

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
  void Connect(const SpawnRequest& request) {
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, request.output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, request.output, STDERR_FILENO);
    for (const auto& [ours, childs] : request.descriptors) {
      posix_spawn_file_actions_adddup2(&files_, ours, childs);
    }
  }
  Result<pid_t> Spawn(std::vector<std::string> command) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
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

}  // namespace

// dup2 onto itself would leave it closed in the child.
Result<UniqueFd> MoveUp(UniqueFd fd) {
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFreeFd));
  if (!moved) return Retriable(SystemText("no descriptor is left", errno));
  return moved;
}

Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Retriable(SystemText("pipe", errno));
  Pipe pipe{UniqueFd(ends[0]), UniqueFd()};
  auto write = MoveUp(UniqueFd(ends[1]));
  if (!write) return write.error();
  pipe.write = *std::move(write);
  return pipe;
}

Result<pid_t> Spawn(SpawnRequest request) {
  Spawner spawner;
  spawner.Isolate();
  spawner.Connect(request);
  return spawner.Spawn(std::move(request.command));
}

Result<UniqueFd> WatchProcess(pid_t pid) {
  // glibc 2.36 declares pidfd_open for C alone.
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return Retriable(SystemText("pidfd_open", errno));
  return process;
}

std::string HowItEnded(int status) {
  if (!WIFSIGNALED(status)) return "exited with code " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  const char* text = ::sigdescr_np(signal);
  return "ended by signal " + std::to_string(signal) + " (" + (text ? text : "unknown") + ")";
}

}  // namespace millrace::process
