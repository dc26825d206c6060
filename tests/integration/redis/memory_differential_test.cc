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
  StoreUser committed(server.url(), state::ReadView::kCommitted);
  ASSERT_TRUE(redis.Connect() && committed.Connect());
  const auto store = std::make_shared<MemoryStore>();
  const auto memory = MemoryStore::Open(store, "test", "f", TestStates());
  const auto memory_committed =
      MemoryStore::Open(store, "test", "f", TestStates(), state::ReadView::kCommitted);
  Differential differential(&redis, &committed,
                            {.commits = memory.get(),
                             .reads = memory.get(),
                             .committed = memory_committed.get(),
                             .texts = OtherStore::Texts::kCompared});
  RunDifferential(&differential);
}

}  // namespace
}  // namespace millrace::redis
