// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/report.h"
#include "config/yaml_tree.h"
#include "model/function_spec.h"

namespace millrace::config {

// The function that `entry` (its name and settings) asks for. Everything wrong is reported and left
// at its default. `group` is empty unless set, because its default needs the host's namespace.
FunctionSpec ReadFunction(const Entry& entry, Report* report);

// page-edits → page_edits.so
std::string DefaultLibrary(const std::string& function);
// millrace.<namespace>.<function>
std::string DefaultGroup(const std::string& namespace_name, const std::string& function);

}  // namespace millrace::config
