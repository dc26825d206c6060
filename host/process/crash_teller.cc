// SPDX-License-Identifier: Apache-2.0
#include "process/crash_teller.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace millrace::process {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
constexpr int kFatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};

struct Watched {
  Culprit* culprit = nullptr;
  int32_t number = 0;
};

// Signal handlers reach nothing else.
std::atomic<Culprit*> g_process{nullptr};
std::atomic<bool> g_exit_allowed{false};
thread_local Watched t_watched;

void Note() {
  if (t_watched.culprit) return t_watched.culprit->Set(t_watched.number);
  if (Culprit* process = g_process.load()) process->Set(Culprit::kOther);
}

// The default is in force again when this returns: a fault happens once more, and ends the process;
// what was sent is sent again.
void OnFatal(int signal, siginfo_t* info, void*) {
  const bool sent = info->si_code == SI_USER && info->si_pid != getpid();
  Culprit* process = g_process.load();
  if (sent && process) process->Set(Culprit::kOutside);
  Note();
  if (info->si_code <= 0) raise(signal);
}

void OnExit(int status, void*) {
  if (g_exit_allowed || !g_process) return;
  Note();
  _exit(status);
}

}  // namespace

void TellCrashes(Culprit* process) {
  g_process = process;
  struct sigaction action {};
  action.sa_sigaction = OnFatal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  for (const int signal : kFatal) sigaction(signal, &action, nullptr);
}

void AllowExit() { g_exit_allowed = true; }

void GuardExit() { on_exit(OnExit, nullptr); }

WatchedThread::WatchedThread(Culprit* culprit, int32_t number)
    : stack_(std::make_unique<std::byte[]>(kStackBytes)) {
  t_watched = {culprit, number};
  const stack_t stack{.ss_sp = stack_.get(), .ss_flags = 0, .ss_size = kStackBytes};
  sigaltstack(&stack, nullptr);
}

WatchedThread::~WatchedThread() {
  t_watched = {};
  const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
  sigaltstack(&none, nullptr);
}

}  // namespace millrace::process
