// SPDX-License-Identifier: Apache-2.0
#include "app/function_needs.h"

#include <algorithm>
#include <set>

namespace millrace::app {

Status CheckOutputs(const FunctionSpec& spec, const std::vector<Use>& uses) {
  std::set<std::string> declared;
  for (const Use& use : uses) {
    if (use.kind == UseKind::kOutput) declared.insert(use.name);
  }
  for (const std::string& name : declared) {
    if (!spec.outputs.contains(name)) {
      return Fatal("output '" + name + "' of " + spec.library +
                   " has no topic: add it under `outputs:` of the function");
    }
  }
  for (const auto& [name, topic] : spec.outputs) {
    if (declared.contains(name)) continue;
    return Fatal("output '" + name + "' is configured, but " + spec.library +
                 " does not declare it");
  }
  return {};
}

// What the outputs of other functions are told apart by is kept like state.
bool NeedsStore(const FunctionSpec& spec, const std::vector<Use>& uses) {
  const bool deduplicates =
      std::any_of(spec.triggers.begin(), spec.triggers.end(),
                  [](const KafkaTrigger& trigger) { return trigger.deduplicate; });
  return deduplicates || std::any_of(uses.begin(), uses.end(),
                                     [](const Use& use) { return use.kind != UseKind::kOutput; });
}

std::vector<std::string> InputTopics(const FunctionSpec& spec) {
  std::set<std::string> topics;
  for (const KafkaTrigger& trigger : spec.triggers) {
    topics.insert(trigger.topics.begin(), trigger.topics.end());
  }
  return {topics.begin(), topics.end()};
}

std::vector<std::string> TopicsOf(const FunctionSpec& spec) {
  std::vector<std::string> topics = InputTopics(spec);
  for (const auto& [name, topic] : spec.outputs) topics.push_back(topic);
  return topics;
}

}  // namespace millrace::app
