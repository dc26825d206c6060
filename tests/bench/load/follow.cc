// SPDX-License-Identifier: Apache-2.0
#include "follow.h"

#include <algorithm>

#include "latency_reader.h"

namespace millrace::load {

int64_t Follow(const FollowSpec& spec, const std::function<bool()>& stop, std::ostream* lines) {
  LatencyReader reader(spec.brokers, spec.topic);
  int64_t count = 0;
  uint64_t newest = 0;
  while (!stop()) {
    const int64_t before = count;
    int64_t came_ns = 0;
    reader.Read([&](const void* value, size_t bytes, int64_t now_ns) {
      newest = std::max(newest, TagOf(spec.cell, value, bytes));
      came_ns = now_ns;
      ++count;
    });
    if (count > before) *lines << came_ns << ' ' << count << ' ' << newest << std::endl;
  }
  return count;
}

}  // namespace millrace::load
