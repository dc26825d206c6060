// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::http {

// The first member name that an object in `json` gives twice; none if there is no such, or if the
// text is not JSON. (The JSON library's own tree keeps the last of them and tells nobody.)
std::optional<std::string> FindDuplicateKey(std::string_view json);

}  // namespace millrace::http
