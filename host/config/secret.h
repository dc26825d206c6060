// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/report.h"
#include "config/yaml_tree.h"

namespace millrace::config {

constexpr size_t kSecretBytesMax = 64 * 1024;

// Replaces every `key#env: NAME` and `key#file: path` in and below `node` by `key: value`, taken
// from the environment or the file (relative to the working folder; one line end at its end is cut
// off). What cannot be had is reported without its value, and its node becomes kFailed.
void ResolveSecrets(Node* node, Report* report);

}  // namespace millrace::config
