/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and at the value "fork" forks until it may not, 200 times at most, emits how often it
 * could and prints why not more often. The children end by themselves. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname forks\nuse output out\n");

enum { kForksMax = 200, kChildNs = 10 * 1000 * 1000, kDigits = 16 };

static int Fork(pid_t* children) {
  const struct timespec wait = {0, kChildNs};
  for (int made = 0; made < kForksMax; ++made) {
    children[made] = fork();
    if (children[made] < 0) {
      perror("fork");
      return made;
    }
    if (children[made] == 0) {
      (void)nanosleep(&wait, NULL);
      _exit(0);
    }
  }
  return kForksMax;
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  pid_t children[kForksMax];
  char text[kDigits];
  if (!Is(event->value, "fork")) return Emit(instance, context, event, event->value);
  const int made = Fork(children);
  for (int i = 0; i < made; ++i) (void)waitpid(children[i], NULL, 0);
  const int length = snprintf(text, sizeof text, "%d", made);
  const mr_slice count = {text, (uint64_t)length};
  return Emit(instance, context, event, count);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
