// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "config/report.h"
#include "config/yaml_tree.h"

namespace millrace::config {

// Each reads one part of the top level into `config`, reporting everything that is wrong and
// leaving it at its default.
void ReadHost(const Entry& host, Report* report, HostConfig* config);
void ReadKafka(const Entry& kafka, Report* report, HostConfig* config);
void ReadRedis(const Entry& redis, Report* report, HostConfig* config);

}  // namespace millrace::config
