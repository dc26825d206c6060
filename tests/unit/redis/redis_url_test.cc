// SPDX-License-Identifier: Apache-2.0
#include "redis/redis_url.h"

#include <gmock/gmock.h>

namespace millrace::redis {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RedisUrlTest, DefaultsAreFilledIn) {
  const auto url = ParseRedisUrl("redis://localhost");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "localhost");
  EXPECT_EQ(url->port, 6379);
  EXPECT_EQ(url->database, 0);
  EXPECT_FALSE(url->tls);
  EXPECT_EQ(url->Printable(), "redis://localhost:6379/0");
}

TEST(RedisUrlTest, EveryPartIsRead) {
  const auto url = ParseRedisUrl("rediss://app:p%40ss%3Aword@[::1]:7000/12");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->user, "app");
  EXPECT_EQ(url->password, "p@ss:word");
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 7000);
  EXPECT_EQ(url->database, 12);
}

TEST(RedisUrlTest, APasswordNeedsNoUser) {
  const auto url = ParseRedisUrl("redis://:secret@h");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user, "");
  EXPECT_EQ(url->password, "secret");
}

TEST(RedisUrlTest, PrintableHidesTheLogin) {
  EXPECT_EQ(ParseRedisUrl("redis://app:secret@h:1/2")->Printable(), "redis://h:1/2");
}

TEST(RedisUrlTest, WrongUrlsAreRefusedWithoutTheirSecrets) {
  for (const char* text :
       {"", "h:6379", "http://:secret@h", "redis://", "redis://:secret@h:0", "redis://:secret@h/x",
        "redis://:secret@h/-1", "redis://:secret@h:99999", "redis://secret@h",
        "redis://:secret@h/0?x=1", "redis://:secret@h/1/2", "redis://:se cret@h"}) {
    const auto url = ParseRedisUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().message, HasSubstr("redis url: ")) << text;
    EXPECT_THAT(url.error().message, Not(HasSubstr("cret"))) << text;
  }
}

}  // namespace
}  // namespace millrace::redis
