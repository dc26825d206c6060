// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <algorithm>

#include "http/json.h"

namespace millrace::http {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view InWords(int status) {
  switch (status) {
    case 400:
      return "bad request";
    case 404:
      return "not found";
    case 405:
      return "method not allowed";
    case 408:
      return "request timeout";
    case 409:
      return "conflict";
    case 413:
      return "body too large";
    case 414:
      return "target too long";
    case 415:
      return "unsupported media type";
    case 417:
      return "expectation failed";
    case 431:
      return "header too large";
    case 500:
      return "internal error";
    case 503:
      return "unavailable";
    case 504:
      return "timeout";
    default:
      return "error";
  }
}

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
  return lower;
}

std::optional<std::string_view> Find(const Fields& fields, std::string_view name) {
  for (const auto& [field, value] : fields) {
    if (EqualsIgnoringCase(field, name)) return value;
  }
  return std::nullopt;
}

Reply JsonReply(int status, std::string body) {
  return {.status = status, .body = std::move(body) + "\n", .allow = {}};
}

Reply ErrorReply(int status, std::string_view detail) {
  return JsonReply(status, ErrorJson(InWords(status), detail));
}

}  // namespace millrace::http
