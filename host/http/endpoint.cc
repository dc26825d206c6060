// SPDX-License-Identifier: Apache-2.0
#include "http/endpoint.h"

#include <charconv>

namespace millrace::http {
namespace {

Error Refuse(std::string_view text) {
  return Fatal("'" + std::string(text) + "' is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:0");
}

}  // namespace

Result<Endpoint> ParseEndpoint(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    return Fatal("'" + std::string(text) + "': https is not available; use http://HOST:PORT");
  }
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Refuse(text);
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Refuse(text);  // an IPv6 address wants brackets
  }
  if (host.empty() || host.find_first_of("/@[] ?#") != std::string_view::npos) return Refuse(text);
  Endpoint endpoint{.host = std::string(host)};
  const auto [end, failure] =
      std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (failure != std::errc() || end != port.data() + port.size()) return Refuse(text);
  return endpoint;
}

std::string ToString(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace millrace::http
