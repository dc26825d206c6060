// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/api.h"

namespace millrace::http {

// The API's values as compact JSON, in the shapes of docs/http.md. Bytes that are not UTF-8 appear
// under their name + "_base64"; other text that is not UTF-8 is repaired with U+FFFD.
std::string ToJson(const FunctionStatus& function);
std::string ToJson(const std::vector<FunctionStatus>& functions);
std::string ToJson(const InvokeResponse& response);
std::string ToJson(const RollbackResponse& response);
std::string ToJson(const Liveness& liveness);
std::string ToJson(const Readiness& readiness);
std::string ToJson(const VersionInfo& version);
std::string ErrorJson(std::string_view error, std::string_view detail);

}  // namespace millrace::http
