// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/invoke.h"
#include "http/message.h"

namespace millrace::http {

inline constexpr std::string_view kEventType = "application/vnd.millrace.event+json";
inline constexpr std::string_view kEventHeaderPrefix = "millrace-header-";

// Why the body's encoding or charset cannot be taken (415); none if it can.
std::optional<std::string> UnsupportedMedia(const Request& request);

// The event of an invoke request: the envelope if the content type is kEventType, else the body is
// the value and the rest comes from the query and from `Millrace-Header-*`. `query` is still
// percent-encoded. Strict: what is not understood is a poison error that says what and where.
Result<InvokeEvent> ParseEvent(Request&& request, std::string_view query);

// Its two forms.
Result<InvokeEvent> ParseEnvelope(std::string_view body);
Result<InvokeEvent> ParseQuery(std::string_view query);

}  // namespace millrace::http
