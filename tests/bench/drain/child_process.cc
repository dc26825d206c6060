// SPDX-License-Identifier: Apache-2.0
#include "child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "bench/kafka/check.h"

namespace millrace::drain {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{20};
constexpr int kUserTicksField = 11;  // of /proc/PID/stat, counted from the state behind the name

// Only what may be called between fork and exec of a process with threads.
[[noreturn]] void Become(char* const* argv, int out, const char* log) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int in = open("/dev/null", O_RDONLY);
  if (in >= 0) dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  if (*log != '\0') {
    const int err = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (err >= 0) dup2(err, STDERR_FILENO);
  }
  execvp(argv[0], argv);
  _exit(127);
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& words, const std::string& log)
    : name_(words.front()) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  bench::Require(pipe2(ends, O_CLOEXEC) == 0, "cannot make a pipe");
  pid_ = fork();
  if (pid_ == 0) Become(argv.data(), ends[1], log.c_str());
  close(ends[1]);
  stdout_ = ends[0];
  bench::Require(pid_ > 0, "cannot start " + name_);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Reap(0);
  }
  close(stdout_);
}

std::string ChildProcess::ReadLine(std::chrono::milliseconds patience) {
  const auto until = Steady::now() + patience;
  for (;;) {
    const size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      const std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    bench::EndIfInterrupted();
    bench::Require(Steady::now() < until, name_ + " printed nothing in time");
    pollfd waiting{.fd = stdout_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, static_cast<int>(kLookEvery.count())) <= 0) continue;
    char buffer[1024];
    const ssize_t bytes = read(stdout_, buffer, sizeof(buffer));
    bench::Require(bytes > 0, name_ + " ended before it printed what was expected");
    unread_.append(buffer, static_cast<size_t>(bytes));
  }
}

std::string ChildProcess::ReadAll() {
  std::string all;
  char buffer[1024];
  ssize_t bytes = 0;
  while ((bytes = read(stdout_, buffer, sizeof(buffer))) > 0) {
    all.append(buffer, static_cast<size_t>(bytes));
  }
  return all;
}

bool ChildProcess::Reap(int flags) {
  int status = 0;
  rusage used{};
  if (pid_ > 0 && wait4(pid_, &status, flags, &used) == pid_) {
    pid_ = -1;
    ended_.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    ended_.cpu_seconds = Seconds(used.ru_utime) + Seconds(used.ru_stime);
  }
  return pid_ < 0;
}

void ChildProcess::RequireRunning() {
  bench::Require(!Reap(WNOHANG), name_ + " ended with exit code " + std::to_string(ended_.code));
}

Ended ChildProcess::Stop(std::chrono::milliseconds patience) {
  if (pid_ > 0) kill(pid_, SIGTERM);
  const auto until = Steady::now() + patience;
  while (!Reap(WNOHANG)) {
    bench::Require(Steady::now() < until, name_ + " does not stop");
    std::this_thread::sleep_for(kLookEvery);
  }
  return ended_;
}

Ended ChildProcess::Wait() {
  Reap(0);
  return ended_;
}

std::vector<pid_t> ChildProcess::Family() const {
  std::vector<pid_t> family{pid_};
  const std::string tasks = "/proc/" + std::to_string(pid_) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) family.push_back(child);
  }
  return family;
}

double ChildProcess::cpu_seconds() const {
  double seconds = 0;
  for (const pid_t pid : Family()) seconds += CpuSecondsOf(pid);
  return seconds;
}

int64_t ChildProcess::peak_memory_bytes() const {
  int64_t bytes = 0;
  for (const pid_t pid : Family()) bytes += PeakMemoryBytesOf(pid);
  return bytes;
}

double ChildProcess::CpuSecondsOf(pid_t pid) const {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  bench::Require(name_end != std::string::npos, "cannot read the CPU time of " + name_);
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kUserTicksField; ++i) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

int64_t ChildProcess::PeakMemoryBytesOf(pid_t pid) const {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (file >> word) {
    if (word != "VmHWM:") continue;
    int64_t kib = 0;
    file >> kib;
    return kib * 1024;
  }
  throw std::runtime_error("cannot read the memory of " + name_);
}

}  // namespace millrace::drain
