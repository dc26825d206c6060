// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/function_spec.h"
#include "model/handler.h"

namespace millrace::app {

// What follows from a function's document and what its library declares. Pure.

// Whether the outputs of both are the same.
Status CheckOutputs(const FunctionSpec& spec, const std::vector<Use>& uses);
// Whether the function keeps anything in the store.
bool NeedsStore(const FunctionSpec& spec, const std::vector<Use>& uses);
// Every input topic, in name order.
std::vector<std::string> InputTopics(const FunctionSpec& spec);
// Every input and output topic.
std::vector<std::string> TopicsOf(const FunctionSpec& spec);

}  // namespace millrace::app
