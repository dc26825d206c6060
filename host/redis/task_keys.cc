// SPDX-License-Identifier: Apache-2.0
#include "redis/task_keys.h"

namespace millrace::redis {
namespace {

Status CheckName(const std::string& what, const std::string& name) {
  if (!name.empty() && name.find_first_of(":{}") == std::string::npos) return {};
  return Fatal(what + " \"" + name + "\" cannot be part of a Redis key: it must not be empty and " +
               "hold none of : { }");
}

}  // namespace

Result<KeySpace> KeySpace::Create(std::string name_space, std::string function,
                                  std::vector<state::StateDecl> states) {
  if (Status ok = CheckName("namespace", name_space); !ok) return ok.error();
  if (Status ok = CheckName("function", function); !ok) return ok.error();
  KeySpace space(std::move(name_space), std::move(function));
  if (Status ok = space.SetStates(std::move(states)); !ok) return ok.error();
  return space;
}

Status KeySpace::SetStates(std::vector<state::StateDecl> states) {
  for (const auto& state : states) {
    if (Status ok = CheckName("state", state.name); !ok) return ok;
  }
  states_ = std::move(states);
  tasks_.clear();
  return {};
}

const TaskKeys& KeySpace::Of(int32_t partition) {
  const auto found = tasks_.find(partition);
  if (found != tasks_.end()) return found->second;
  const std::string tag =
      "{mr:" + name_space_ + ":" + function_ + ":" + std::to_string(partition) + "}";
  TaskKeys keys{.task = tag + ":task",
                .outbox = tag + ":o",
                .redo = tag + ":r",
                .aside = tag + ":d",
                .states = {}};
  for (const auto& state : states_) {
    const bool is_map = state.kind == state::StateKind::kMap;
    keys.states.push_back(tag + (is_map ? ":m:" : ":s:") + state.name + (is_map ? ":" : ""));
  }
  return tasks_.emplace(partition, std::move(keys)).first->second;
}

std::string KeySpace::Describe(int32_t partition) const {
  return "state of function " + function_ + ", partition " + std::to_string(partition) +
         ", in namespace " + name_space_;
}

}  // namespace millrace::redis
