// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "model/function_spec.h"
#include "process/cgroup.h"

namespace millrace::app {

// The control groups of functions whose processes have limits of memory or processor time. The
// host's own group is looked at, and divided, when the first function asks. Any thread.
class LaneLimits {
 public:
  // `place`: where the system has its control groups.
  explicit LaneLimits(process::CgroupPlace place = {}) : place_(std::move(place)) {}

  // Groups that are given out do not outlive this. An error says why there is none, and how to get
  // one.
  Result<std::unique_ptr<process::Cgroup>> Make(const std::string& function, const Limits& limits);

 private:
  const process::CgroupPlace place_;
  std::mutex mutex_;
  std::optional<Result<process::CgroupTree>> tree_;  // guarded by mutex_
};

}  // namespace millrace::app
