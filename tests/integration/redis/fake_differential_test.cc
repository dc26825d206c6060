// SPDX-License-Identifier: Apache-2.0
// The store that unit tests and the simulation trust is held to the real scripts: equal replies to
// random commands, and then equal state, key by key and byte by byte.
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "commit/crash_text.h"
#include "integration/redis/differential.h"
#include "integration/redis/redis_server.h"
#include "unit/fakes/fake_store.h"

namespace millrace::redis {
namespace {

using Hash = std::map<std::string, std::string>;
using Hashes = std::map<std::string, Hash>;  // by key

constexpr size_t kAskedTogether = 1'000;

// What the keys of one task must hold in Redis, by docs/state-layout.md. No hash is empty.
void AddKeys(int32_t partition, const fakes::StoredTask& task, Hashes* hashes) {
  if (task.epoch.empty()) return;
  const std::string tag = "{mr:test:f:" + std::to_string(partition) + "}";
  Hash& fields = (*hashes)[tag + ":task"];
  fields = {{"epoch", task.epoch},
            {"owner", task.owner},
            {"group", task.group},
            {"partitions", std::to_string(task.partition_count)},
            {"state:oldest", std::to_string(task.versions.oldest)},
            {"state:newest", std::to_string(task.versions.newest)},
            {"format", "2"}};
  if (task.seq > 0) fields["seq"] = std::to_string(task.seq);
  if (task.published_seq > 0) fields["published"] = std::to_string(task.published_seq);
  for (const auto& [at, seen] : task.seen) {
    fields["seen:" + at.first + ":" + at.second] =
        std::to_string(seen.offset) + "/" + std::to_string(seen.index);
  }
  for (const auto& [topic, offset] : task.applied) {
    fields["applied:" + topic] = std::to_string(offset);
  }
  for (const auto& [topic, crash] : task.crashes) {
    fields["crash:" + topic] = commit::TextOf(crash);
  }
  for (const auto& [name, packed] : task.aside) {
    (*hashes)[tag + ":d"][commit::TextOf(name)] = packed;
  }
  for (const auto& [seq, packed] : task.outbox) {
    (*hashes)[tag + ":o"][std::to_string(seq)] = packed;
  }
  for (const auto& [seq, packed] : task.redo) {
    (*hashes)[tag + ":r"][std::to_string(seq)] = packed;
  }
  const auto states = TestStates();
  for (const auto& [at, value] : task.values) {
    (*hashes)[tag + ":s:" + states[at.first].name][at.second] = value;
  }
  for (const auto& [at, map] : task.maps) {
    if (!map.empty()) (*hashes)[tag + ":m:" + states[at.first].name + ":" + at.second] = map;
  }
}

// Plain commands, as an operator would give them.
class PlainRedis {
 public:
  explicit PlainRedis(int port) : context_(redisConnect("127.0.0.1", port), redisFree) {}

  std::vector<std::string> Keys() {
    Ask({"KEYS", "*"});
    return Texts();
  }
  void AskForHash(const std::string& key) { Ask({"HGETALL", key}); }
  Hash NextHash() {
    const std::vector<std::string> cells = Texts();
    Hash hash;
    for (size_t i = 0; i + 1 < cells.size(); i += 2) hash[cells[i]] = cells[i + 1];
    return hash;
  }

 private:
  void Ask(const std::vector<std::string>& words) {
    std::vector<const char*> argv;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      argv.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(argv.size()), argv.data(),
                           sizes.data());
  }
  std::vector<std::string> Texts() {
    void* given = nullptr;
    std::vector<std::string> texts;
    if (redisGetReply(context_.get(), &given) != REDIS_OK) {
      ADD_FAILURE() << context_->errstr;
      return texts;
    }
    const std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(
        static_cast<redisReply*>(given), freeReplyObject);
    EXPECT_EQ(reply->type, REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < reply->elements; ++i) {
      texts.emplace_back(reply->element[i]->str, reply->element[i]->len);
    }
    return texts;
  }

  std::unique_ptr<redisContext, decltype(&redisFree)> context_;
};

void ExpectEqualState(PlainRedis* redis, const Hashes& expected) {
  const std::vector<std::string> keys = redis->Keys();
  for (const std::string& key : keys) EXPECT_TRUE(expected.contains(key)) << key;
  EXPECT_EQ(keys.size(), expected.size());
  auto asked = expected.begin();
  for (auto at = expected.begin(); at != expected.end();) {
    for (size_t i = 0; i < kAskedTogether && asked != expected.end(); ++i, ++asked) {
      redis->AskForHash(asked->first);
    }
    for (; at != asked; ++at) {
      ASSERT_TRUE(redis->NextHash() == at->second) << at->first << " differs";
    }
  }
}

TEST(FakeDifferentialTest, RandomCommandsGetEqualRepliesFromRedisAndTheFakeDatabase) {
  RedisServer server;
  StoreUser redis(server.url());
  StoreUser committed(server.url(), state::ReadView::kCommitted);
  ASSERT_TRUE(redis.Connect() && committed.Connect());
  fakes::FakeDatabase database;
  fakes::FakeStore fake(&database), fake_committed(&database);
  fake_committed.view = state::ReadView::kCommitted;
  Differential differential(&redis, &committed,
                            {.commits = &fake, .reads = &fake, .committed = &fake_committed});
  RunDifferential(&differential);
  if (HasFailure()) return;
  Hashes expected;
  for (const auto& [partition, task] : database.tasks()) AddKeys(partition, task, &expected);
  PlainRedis plain(server.port());
  ExpectEqualState(&plain, expected);
}

}  // namespace
}  // namespace millrace::redis
