/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes, and at the value "hog" takes memory, and writes to it, until there is none; then it
 * aborts. Where nothing stops it, it ends at 2 GiB and emits "unbounded". */
#include <stdlib.h>

#include "echo.h"

MR_NOTE("abi 1.0\nname hogs-memory\nuse output out\n");

enum { kBlockBytes = 8 * 1024 * 1024, kBlocksMax = 256 };

struct block {
  struct block* next;
  char bytes[kBlockBytes];
};
static struct block* volatile kept; /* volatile: the blocks are of use */

static void Hog(void) {
  for (int i = 0; i < kBlocksMax; ++i) {
    struct block* const block = malloc(sizeof *block);
    if (block == NULL) abort();
    memset(block->bytes, 'x', sizeof block->bytes);
    block->next = kept;
    kept = block;
  }
}

static void Release(void) {
  while (kept != NULL) {
    struct block* const first = kept;
    kept = first->next;
    free(first);
  }
}

static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
  const mr_slice unbounded = {"unbounded", 9};
  if (!Is(event->value, "hog")) return Emit(instance, context, event, event->value);
  Hog();
  Release();
  return Emit(instance, context, event, unbounded);
}
ECHO_FUNCTION(MinimalOpen, MinimalStart, Handle);
