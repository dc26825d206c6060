// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/slice.h"

namespace millrace {

struct HeaderView {
  Slice name;
  Slice value;
};

// One record as the broker delivered it. Borrowed from the batch it came in.
struct RecordView {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;  // event time, Unix epoch
  Slice key;                 // null: the record has no key
  Slice value;               // null: a tombstone
};

}  // namespace millrace
