/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and at the value "overflow" walks a list by recursion that has become a ring. */
#include "echo.h"

MR_NOTE("abi 1.0\nname overflows-stack\nuse output out\n");

enum { kFrameBytes = 256 }; /* below a page, so that no guard page is stepped over */

struct node {
  const struct node* next;
};
static struct node ring = {&ring};
static const struct node* volatile list = &ring; /* volatile: not known to have no end */

/* The frames hold on to each other and are used on the way back, so that no loop can replace them.
 */
static size_t Length(const struct node* node, const volatile char* above) {
  volatile char frame[kFrameBytes];
  if (node == NULL) return 0;
  frame[0] = above[0];
  const size_t rest = Length(node->next, frame);
  return rest + 1 + (size_t)frame[0];
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  if (Is(event->value, "overflow") && Length(list, "") == 0) return MR_RETRY;
  return Emit(instance, context, event, event->value);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
