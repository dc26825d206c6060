/* SPDX-License-Identifier: Apache-2.0 */
/* Emits what the value names: to an output that is not declared ("undeclared"), or 10 MB ("large");
 * any other value goes to the output as it is. */
#include <stdlib.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname emits\nuse output out\n");

enum { kNowhere = 99, kLarge = 10 * 1024 * 1024 };

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_host* host = instance;
  mr_record record = {event->key, event->value, NULL, 0, -1, -1, 0};
  char* large = NULL;
  if (Is(event->value, "large")) {
    large = calloc(1, kLarge);
    if (large == NULL) return MR_RETRY;
    record.value = (mr_slice){large, kLarge};
  }
  (void)host->emit(context, Is(event->value, "undeclared") ? kNowhere : kOut, &record);
  free(large);
  return MR_DONE; /* a failure counts all the same */
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
