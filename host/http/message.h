// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::http {

// A parsed request and the answer to it, free of any HTTP library's types.

using Fields = std::vector<std::pair<std::string, std::string>>;  // in order, repeats kept

// Names compare without case. None if there is no such field; the first if there are several.
std::optional<std::string_view> Find(const Fields& fields, std::string_view name);
bool EqualsIgnoringCase(std::string_view a, std::string_view b);
std::string LowerCase(std::string_view text);  // ASCII

struct Request {
  std::string method;
  std::string target;  // as sent: path and query, percent-encoded
  Fields fields;
  std::string body;
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // of a 405: the methods that the resource has
};

using ReplyCallback = std::function<void(Reply)>;

Reply JsonReply(int status, std::string body);
// {"error": the status in words, "detail": detail}
Reply ErrorReply(int status, std::string_view detail);

}  // namespace millrace::http
