// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/section_reader.h"
#include "model/function_spec.h"

namespace millrace::config {

// The triggers of the function that `function` reads; at least one with a topic is needed, and no
// topic may come twice. `function_at` is where a lack of them is reported.
std::vector<KafkaTrigger> ReadTriggers(const SectionReader& function, At function_at);

}  // namespace millrace::config
