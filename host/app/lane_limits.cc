// SPDX-License-Identifier: Apache-2.0
#include "app/lane_limits.h"

namespace millrace::app {
namespace {

constexpr int64_t kThreadsMax = 1'024;  // clients of a lane have about ten each

}  // namespace

Result<std::unique_ptr<process::Cgroup>> LaneLimits::Make(const std::string& function,
                                                          const Limits& limits) {
  const std::lock_guard lock(mutex_);
  if (!tree_) tree_ = process::CgroupTree::Open(place_);
  if (!*tree_) return tree_->error();
  return (*tree_)->Make(
      function, {.memory_bytes = limits.memory, .cpus = limits.cpu, .pids_max = kThreadsMax});
}

}  // namespace millrace::app
