// SPDX-License-Identifier: Apache-2.0
// Preloaded into a host that runs under valgrind 3.19, so that its children do, too.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kEndWaits = 300, kEndWaitUs = 100000 };  // 30 s, for a child that counts to end by itself

struct Watch {
  pid_t pid;
  int ended;
};

static void* AwaitEnd(void* argument) {
  struct Watch watch = *(struct Watch*)argument;
  free(argument);
  siginfo_t info;
  while (waitid(P_PID, (id_t)watch.pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  close(watch.ended);  // the other end polls as hung up
  return NULL;
}

// valgrind knows no pidfd. The end of a pipe tells as much, because the host only waits for it.
static long OpenPidfd(pid_t pid) {
  int ends[2];
  struct Watch* watch = malloc(sizeof(*watch));
  if (!watch || pipe2(ends, O_CLOEXEC) != 0) return -1;
  *watch = (struct Watch){.pid = pid, .ended = ends[1]};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  errno = pthread_create(&thread, NULL, AwaitEnd, watch);
  const int failed = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed) return -1;
  pthread_detach(thread);
  return ends[0];
}

long syscall(long number, ...) {
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; ++i) arguments[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_pidfd_open) return OpenPidfd((pid_t)arguments[0]);
  register long fourth __asm__("r10") = arguments[3];
  register long fifth __asm__("r8") = arguments[4];
  register long sixth __asm__("r9") = arguments[5];
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]),
                     "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  if (result >= 0 || result < -4095) return result;
  errno = (int)-result;
  return -1;
}

// Under valgrind /proc/self/exe is valgrind. posix_spawnp is the same for a name with a slash.
int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* files,
                const posix_spawnattr_t* attributes, char* const arguments[],
                char* const environment[]) {
  if (strcmp(path, "/proc/self/exe") == 0) path = getenv("UNDER_VALGRIND");
  return posix_spawnp(pid, path, files, attributes, arguments, environment);
}

// A child has two seconds to end, which valgrind's are too slow for; one that is killed tells no
// count.
int kill(pid_t pid, int signal) {
  for (int i = 0; signal == SIGKILL && pid > 0 && i < kEndWaits; ++i) {
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) != 0 || info.si_pid) break;
    usleep(kEndWaitUs);
  }
  return (int)syscall(SYS_kill, pid, signal);
}
