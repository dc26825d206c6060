/* SPDX-License-Identifier: Apache-2.0 */
/* Lets out of its handler what the value names, int or std, the first two times; throw_from_c.cc
 * throws, and nothing of the SDK is there to catch it. */
#include "echo.h"

MR_NOTE("abi 1.0\nname throws-over-the-line\nuse output out\n");

enum { kDoneAt = 3 };

void ThrowInt(void);
void ThrowStd(void);

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const int32_t outcome = Emit(instance, context, event, event->value);
  if (event->attempt < kDoneAt && Is(event->value, "int")) ThrowInt();
  if (event->attempt < kDoneAt && Is(event->value, "std")) ThrowStd();
  return outcome;
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
