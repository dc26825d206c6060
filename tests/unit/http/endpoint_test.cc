// SPDX-License-Identifier: Apache-2.0
#include "http/endpoint.h"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

TEST(Endpoint, IsReadWithAndWithoutScheme) {
  EXPECT_EQ(*ParseEndpoint("127.0.0.1:8080"), (Endpoint{"127.0.0.1", 8080}));
  EXPECT_EQ(*ParseEndpoint("http://edge-1:80/"), (Endpoint{"edge-1", 80}));
  EXPECT_EQ(*ParseEndpoint("[::1]:0"), (Endpoint{"::1", 0}));
  EXPECT_EQ(ToString({"::1", 81}), "[::1]:81");
  EXPECT_EQ(ToString({"127.0.0.1", 81}), "127.0.0.1:81");
}

TEST(Endpoint, AnythingElseIsNamedInTheError) {
  for (const char* bad : {"", "8080", ":8080", "host", "host:", "host:65536", "host:-1", "host:8x",
                          "::1:80", "https://host:80", "http://host:80/path", "user@host:80"}) {
    const auto endpoint = ParseEndpoint(bad);
    ASSERT_FALSE(endpoint) << bad;
    EXPECT_NE(endpoint.error().message.find("'" + std::string(bad) + "'"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::http
