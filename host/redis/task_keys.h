// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "state/state_reader.h"

namespace millrace::redis {

// What a task that is being removed has as its `format`, so that no host acquires it.
inline constexpr std::string_view kRemovedFormat = "removing";

// The names of one task's keys; docs/state-layout.md is the reference. All share one hash tag, so
// that a script over them is atomic on Redis Cluster, too.
struct TaskKeys {
  std::string task;    // {mr:<namespace>:<function>:<partition>}:task
  std::string outbox;  // …:o
  std::string redo;    // …:r
  std::string aside;   // …:d
  std::vector<std::string>
      states;  // by state: …:s:<state>, or …:m:<state>: to be followed by the key
};

// Names of all tasks of one function, made once per task.
class KeySpace {
 public:
  // Refuses names that would make two keys look alike.
  static Result<KeySpace> Create(std::string name_space, std::string function,
                                 std::vector<state::StateDecl> states);

  const TaskKeys& Of(int32_t partition);
  std::span<const state::StateDecl> states() const { return states_; }
  // Another generation's declarations; names made before are forgotten.
  Status SetStates(std::vector<state::StateDecl> states);
  // "state of function f, partition 3, in namespace n", for messages.
  std::string Describe(int32_t partition) const;

 private:
  KeySpace(std::string name_space, std::string function)
      : name_space_(std::move(name_space)), function_(std::move(function)) {}

  std::string name_space_;
  std::string function_;
  std::vector<state::StateDecl> states_;
  std::unordered_map<int32_t, TaskKeys> tasks_;
};

}  // namespace millrace::redis
