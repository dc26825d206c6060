// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "function/library.h"
#include "model/function_spec.h"

namespace millrace::app {

// What a library without YAML asks for in its note: its suggested name and Kafka triggers, each
// output to the topic of its own name. Absent when the note suggests no trigger. For `dev` only.
std::optional<FunctionSpec> SuggestedSpec(const function::CheckedCopy& library,
                                          const std::string& namespace_name);

}  // namespace millrace::app
