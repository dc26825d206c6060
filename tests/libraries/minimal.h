/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a function that does nothing, for libraries whose defect lies elsewhere. */
#pragma once

#include <millrace/abi.h>
#include <stddef.h>

static inline int32_t MinimalOpen(const mr_host* host, mr_setup* setup, void** library) {
  (void)setup;
  *library = (void*)(uintptr_t)host;
  return MR_OK;
}
static inline void MinimalClose(void* library) { (void)library; }
static inline int32_t MinimalStart(void* library, mr_setup* setup, void** instance) {
  (void)setup;
  *instance = library;
  return MR_OK;
}
static inline void MinimalStop(void* instance) { (void)instance; }
static inline int32_t MinimalHandle(void* instance, mr_context* context, const mr_event* event) {
  (void)instance;
  (void)context;
  (void)event;
  return MR_DONE;
}
