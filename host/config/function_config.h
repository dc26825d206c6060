// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "config/report.h"
#include "config/yaml_tree.h"

namespace millrace::config {

// What a library reads of its `config:`. Every scalar stands under its dotted path as text (a truth
// value as true or false, a null not at all), every list and map under its path as compact JSON
// ("window" → {"size":1}, "window.size" → "1"). Scalars in JSON keep YAML 1.2's types: numbers,
// truth values and nulls if not quoted, else strings. A path that two keys lead to is reported
// ("a.b: 1" beside "a: { b: 2 }"), `name` being how messages call the whole.
std::map<std::string, std::string> FlattenConfig(const Node& config, const std::string& name,
                                                 Report* report);

}  // namespace millrace::config
