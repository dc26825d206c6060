// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kafka/client_options.h"

namespace millrace::kafka {

// What the broker says about a function's input and output topics, kept up to date by a thread of
// its own: every second while a topic is unknown or the broker is away, else every 30 seconds.
// Creates no topic. All methods but Create may be called from any thread and return at once.
class TopicWatch {
 public:
  static Result<std::unique_ptr<TopicWatch>> Create(const ClientOptions& options,
                                                    const std::vector<std::string>& topics);
  ~TopicWatch();  // within a second
  TopicWatch(const TopicWatch&) = delete;
  TopicWatch& operator=(const TopicWatch&) = delete;

  // Absent while unknown. A topic once seen keeps its count while the broker is away.
  std::optional<int32_t> PartitionCount(const std::string& topic) const;
  // What keeps this topic from being used: missing, not permitted, broker away; absent when well.
  std::optional<std::string> Problem(const std::string& topic) const;
  void LookNow();  // the caller has seen a sign of trouble, or of its end

 private:
  struct State;
  explicit TopicWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace millrace::kafka
