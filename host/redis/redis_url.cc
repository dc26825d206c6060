// SPDX-License-Identifier: Apache-2.0
#include "redis/redis_url.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace millrace::redis {
namespace {

constexpr int kDatabaseMax = 1'000'000;

Error Wrong(const std::string& what) {
  return Fatal("redis url: " + what + "; expected redis://[user:password@]host[:port][/db]");
}

template <class Integer>
bool ParseNumber(std::string_view digits, Integer* number) {
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, *number);
  return error == std::errc() && stop == end;
}

bool ParseDatabase(std::string_view path, int* database) {
  if (path.empty() || path == "/") return true;
  return ParseNumber(path.substr(1), database) && *database >= 0 && *database <= kDatabaseMax;
}

}  // namespace

std::string RedisUrl::Printable() const {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(tls ? "rediss://" : "redis://") + (v6 ? "[" + host + "]" : host) + ":" +
         std::to_string(port) + "/" + std::to_string(database);
}

Result<RedisUrl> ParseRedisUrl(std::string_view text) {
  const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed) return Wrong("not a URL");
  const boost::urls::url_view& view = *parsed;
  RedisUrl url;
  if (view.scheme() != "redis" && view.scheme() != "rediss") return Wrong("unknown scheme");
  url.tls = view.scheme() == "rediss";
  url.host = view.host_address();
  if (url.host.empty()) return Wrong("no host");
  if (view.has_port()) {
    const std::string_view digits(view.port().data(), view.port().size());
    if (!ParseNumber(digits, &url.port) || url.port == 0) return Wrong("bad port");
  }
  if (view.has_userinfo()) {
    url.user = view.user();
    url.password = view.password();
    if (url.password.empty()) return Wrong("a user without a password");
  }
  const std::string path = view.path();
  if (!ParseDatabase(path, &url.database)) return Wrong("the database is not a number");
  if (view.has_query() || view.has_fragment()) return Wrong("a query or fragment has no meaning");
  return url;
}

}  // namespace millrace::redis
