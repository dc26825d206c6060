// SPDX-License-Identifier: Apache-2.0
#include "config/names.h"

#include <arpa/inet.h>

#include <algorithm>

#include "config/text.h"

namespace millrace::config {
namespace {

constexpr size_t kNameBytesMax = 63;
constexpr size_t kTopicBytesMax = 249;
constexpr size_t kHostIdBytesMax = 128;
constexpr int64_t kPortMax = 65535;
constexpr int64_t kDatabaseMax = 1'000'000;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerOrDigit(char c) { return IsLower(c) || IsDigit(c); }
bool IsTopicChar(char c) {
  return IsLowerOrDigit(c) || IsUpper(c) || c == '.' || c == '_' || c == '-';
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  const auto port = ParseInteger(text);
  if (!port || text.front() == '-' || *port > kPortMax) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

bool IsAddress(const std::string& text, int family) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), bytes) == 1;
}

bool IsHost(std::string_view host) {
  const auto is_part = [](char c) { return IsTopicChar(c); };
  return !host.empty() && std::all_of(host.begin(), host.end(), is_part);
}

struct HostAndPort {
  std::string host;  // without brackets
  std::string_view port;
  bool bracketed = false;
  bool has_port = false;
};

// Splits at the colon before the port; an IPv6 address stands in brackets.
std::optional<HostAndPort> Split(std::string_view text) {
  HostAndPort parts;
  size_t end = text.find(':');
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parts.bracketed = true;
    parts.host = std::string(text.substr(1, close - 1));
    end = close + 1;
    if (end < text.size() && text[end] != ':') return std::nullopt;
  } else {
    parts.host = std::string(text.substr(0, end));
  }
  parts.has_port = end < text.size();
  if (parts.has_port) parts.port = text.substr(end + 1);
  return parts;
}

}  // namespace

std::string CheckFunctionName(std::string_view name) {
  const bool right =
      !name.empty() && name.size() <= kNameBytesMax && IsLowerOrDigit(name[0]) &&
      std::all_of(name.begin(), name.end(), [](char c) { return IsLowerOrDigit(c) || c == '-'; });
  if (right) return {};
  return "must be 1 to 63 of a-z, 0-9 and -, not beginning with -, not " + Quoted(name);
}

std::string CheckOutputName(std::string_view name) {
  const bool right = !name.empty() && name.size() <= kNameBytesMax && IsLowerOrDigit(name[0]) &&
                     std::all_of(name.begin(), name.end(),
                                 [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '_'; });
  if (right) return {};
  return "must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit, not " +
         Quoted(name);
}

std::string CheckTopicName(std::string_view name) {
  const bool right = !name.empty() && name.size() <= kTopicBytesMax && name != "." &&
                     name != ".." && std::all_of(name.begin(), name.end(), IsTopicChar);
  if (right) return {};
  return "must be 1 to 249 of A-Z, a-z, 0-9, ., _ and -, not " + Quoted(name);
}

std::string CheckHostId(std::string_view id) {
  const bool right = !id.empty() && id.size() <= kHostIdBytesMax && IsTopicChar(id[0]) &&
                     std::string_view("._-").find(id[0]) == std::string_view::npos &&
                     std::all_of(id.begin(), id.end(), IsTopicChar);
  if (right) return {};
  return "must be 1 to 128 of A-Z, a-z, 0-9, ., _ and -, beginning with a letter or digit, not " +
         Quoted(id);
}

std::string CheckPublicKey(std::string_view key) {
  constexpr std::string_view kDerHead = "MCowBQYDK2VwAyEA";
  constexpr size_t kRawChars = 44;  // of 32 bytes
  std::string_view raw = key;
  if (raw.starts_with(kDerHead)) raw.remove_prefix(kDerHead.size());
  const bool right = raw.size() == kRawChars && raw.back() == '=' &&
                     std::all_of(raw.begin(), raw.end() - 1, [](char c) {
                       return IsLowerOrDigit(c) || IsUpper(c) || c == '+' || c == '/';
                     });
  if (right) return {};
  return "must hold ed25519 public keys in base64 (44 characters, or 60 as `openssl pkey -pubout` "
         "writes them between its lines), not " +
         Quoted(key);
}

std::string CheckRedisUrl(std::string_view url) {
  const std::string form =
      "must be redis://[[user]:password@]host[:port][/database], rediss:// "
      "for TLS: ";
  const size_t scheme = url.find("://");
  const std::string_view name = url.substr(0, std::min(scheme, url.size()));
  if (scheme == std::string_view::npos || (name != "redis" && name != "rediss")) {
    return form + "it begins with neither redis:// nor rediss://";
  }
  url.remove_prefix(scheme + 3);
  if (url.find_first_of(" \t\r\n?#") != std::string_view::npos) {
    return form + "a space, ? or # stands in it (write such a character of a password as %XX)";
  }
  const size_t slash = url.find('/');
  const std::string_view authority = url.substr(0, slash);
  const size_t at = authority.rfind('@');
  const bool has_user = at != std::string_view::npos;
  const auto parts = Split(has_user ? authority.substr(at + 1) : authority);
  const bool host_right =
      parts && (parts->bracketed ? IsAddress(parts->host, AF_INET6) : IsHost(parts->host));
  if (!host_right) return form + "the host is missing or not a host name or address";
  const auto port = ParsePort(parts->port.empty() ? "0" : parts->port);
  if (parts->has_port && (!port || *port == 0)) return form + "the port is not from 1 to 65535";
  if (slash == std::string_view::npos || slash + 1 == url.size()) return {};
  const std::string_view database = url.substr(slash + 1);
  const auto number = ParseInteger(database);
  if (number && IsDigit(database[0]) && *number <= kDatabaseMax) return {};
  return form + "the database is not a number";
}

std::optional<ListenAddress> ParseListen(std::string_view text) {
  const auto parts = Split(text);
  if (!parts || parts->port.empty()) return std::nullopt;
  const auto port = ParsePort(parts->port);
  if (!port) return std::nullopt;
  if (!parts->bracketed && parts->host == "localhost") return ListenAddress{"127.0.0.1", *port};
  if (!IsAddress(parts->host, parts->bracketed ? AF_INET6 : AF_INET)) return std::nullopt;
  return ListenAddress{parts->host, *port};
}

}  // namespace millrace::config
