// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "embedded/memory_store.h"
#include "integration/redis/differential.h"
#include "integration/redis/redis_server.h"

namespace millrace::redis {
namespace {

using embedded::MemoryStore;

TEST(MemoryDifferentialTest, RandomCommandsGetEqualRepliesFromRedisAndMemory) {
  RedisServer server;
  StoreUser redis(server.url());
  ASSERT_TRUE(redis.Connect());
  const auto memory = MemoryStore::Open(std::make_shared<MemoryStore>(), "test", "f", TestStates());
  Differential differential(
      &redis,
      {.commits = memory.get(), .reads = memory.get(), .texts = OtherStore::Texts::kCompared});
  RunDifferential(&differential);
}

}  // namespace
}  // namespace millrace::redis
