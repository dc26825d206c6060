// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace millrace::load {

// CLOCK_MONOTONIC; the same for every process of the machine.
int64_t NowNs();

// When each record of an open loop is to be sent: known beforehand, whatever the replies do.
struct Schedule {
  int64_t start_ns = 0;
  int64_t rate = 1;  // records per second

  int64_t IntendedNs(int64_t index) const;
  // How many records are to be sent until then.
  int64_t Due(int64_t now_ns) const;
  // Of the record with this intended time; empty of a time at which none is to be sent.
  std::optional<int64_t> IndexOf(int64_t intended_ns) const;
};

}  // namespace millrace::load
