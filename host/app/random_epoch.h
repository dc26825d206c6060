// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "commit/commit_store.h"

namespace millrace::app {

// 128 bits from the kernel as 32 hex digits. Any thread.
commit::Epoch RandomEpoch();

}  // namespace millrace::app
