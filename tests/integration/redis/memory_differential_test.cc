// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "embedded/memory_store.h"
#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using commit::CommitReply;
using embedded::MemoryStore;

constexpr int kSequences = 2'000;
constexpr int kCommandsPerSequence = 12;

// What a reply says, as text that two stores can be compared by.
std::string Show(const commit::AcquireReply& reply) {
  if (!reply.result) return "refused: " + reply.result.error().message;
  std::string text =
      "acquired at " + std::to_string(reply.result->seq) + " from " + reply.result->former_owner;
  for (const auto& at : reply.result->applied) {
    text += " " + at.topic + "@" + std::to_string(at.offset);
  }
  return text;
}

std::string Show(const CommitReply& reply) {
  return "commit " + std::to_string(reply.seq) + " of " + reply.epoch + ": " +
         std::to_string(static_cast<int>(reply.result)) + " " + reply.detail;
}

std::string Show(const state::ReadReply& reply) {
  std::string text = reply.status ? "read" : "failed: " + reply.status.error().message;
  for (const auto& found : reply.found) {
    text += "|" + std::to_string(static_cast<int>(found.what)) +
            (found.value.is_null() ? "null" : "=" + std::string(found.value.view()));
    std::vector<std::string> fields;
    for (uint32_t i = 0; i < found.entry_count; ++i) {
      const auto& entry = reply.entries[found.first_entry + i];
      fields.push_back(std::string(entry.field.view()) + ":" + std::string(entry.value.view()));
    }
    std::sort(fields.begin(), fields.end());
    for (const std::string& field : fields) text += " " + field;
  }
  return text;
}

// One random command at a time, to both stores; the same seed gives the same commands.
class Differential {
 public:
  Differential(StoreUser* redis, embedded::MemoryStorePort* memory, uint32_t seed)
      : redis_(redis), memory_(memory), random_(seed), partition_(static_cast<int32_t>(seed)) {}

  void Step() {
    const int dice = Pick(10);
    if (dice < 2) return Acquire();
    if (dice < 7) return Commit();
    Read();
  }

 private:
  int Pick(int below) { return std::uniform_int_distribution<>(0, below - 1)(random_); }
  std::string Word() { return std::string(1, static_cast<char>('a' + Pick(4))); }

  void Acquire() {
    const std::string epoch = EpochOf(static_cast<char>('0' + Pick(10)));
    const commit::AcquireRequest request{
        .partition = partition_,
        .epoch = epoch,
        .owner = "owner-" + Word(),
        .group = Pick(8) == 0 ? "another" : "group",
        .partition_count = Pick(8) == 0 ? 5 : 4,
    };
    memory_->StartAcquire(request);
    commit::AcquireReply reply;
    ASSERT_TRUE(memory_->PollAcquire(&reply));
    if (reply.result) {
      epoch_ = epoch;
      seq_ = reply.result->seq;
    }
    EXPECT_EQ(Show(redis_->Acquire(request)), Show(reply));
  }

  void Commit() {
    const std::string epoch = Pick(6) == 0 ? EpochOf('f') : epoch_;
    const uint64_t expected = Pick(6) == 0 ? seq_ + 1 : seq_;
    const Offsets applied = {{"in-" + Word(), Pick(1000)}};
    std::vector<std::string> words;
    const std::vector<Write> writes = Writes(&words);
    const commit::CommitRequest request{.partition = partition_,
                                        .epoch = &epoch,
                                        .expected_seq = expected,
                                        .seq = expected + 1,
                                        .applied = applied,
                                        .writes = writes};
    memory_->StartCommit(request);
    redis_->store().StartCommit(request);
    CommitReply reply;
    ASSERT_TRUE(memory_->PollCommit(&reply));
    if (reply.result == commit::CommitResult::kApplied) seq_ = reply.seq;
    EXPECT_EQ(Show(redis_->NextCommit()), Show(reply));
  }

  // At most one write per cell, an erased map before its fields, as the port asks for.
  std::vector<Write> Writes(std::vector<std::string>* words) {
    *words = {"a", "b", "c", "d"};
    const Slice empty("");
    std::vector<Write> writes;
    for (const std::string& key : *words) {
      if (Pick(3) == 0) writes.push_back(Pick(3) == 0 ? Erase(key) : Put(key, (*words)[Pick(4)]));
      if (Pick(4) == 0) writes.push_back(EraseMap(key));
      for (const std::string& field : *words) {
        if (Pick(5) == 0)
          writes.push_back(PutField(key, field, Pick(4) == 0 ? empty : Slice(key)));
        else if (Pick(6) == 0)
          writes.push_back(EraseField(key, field));
      }
    }
    return writes;
  }

  void Read() {
    const std::string key = Word(), field = Word();
    const std::vector<state::ReadItem> items = {
        {kCarts, key, {}}, {kTotals, key, {}}, {kCarts, key, field}, {kTotals, field, {}}};
    EXPECT_EQ(Show(redis_->Read(items, partition_)), Show(memory_->ReadNow(partition_, items)));
    EXPECT_EQ(Show(redis_->store().ReadWholeMapNow(partition_, kCarts, key)),
              Show(memory_->ReadWholeMapNow(partition_, kCarts, key)));
  }

  StoreUser* redis_;
  embedded::MemoryStorePort* memory_;
  std::mt19937 random_;
  int32_t partition_;
  std::string epoch_ = EpochOf('0');
  uint64_t seq_ = 0;
};

TEST(MemoryDifferentialTest, RandomCommandsGetEqualRepliesFromRedisAndMemory) {
  RedisServer server;
  StoreUser redis(server.url());
  ASSERT_TRUE(redis.Connect());
  const auto memory = MemoryStore::Open(std::make_shared<MemoryStore>(), "test", "f", TestStates());
  for (int seed = 0; seed < kSequences; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Differential differential(&redis, memory.get(), static_cast<uint32_t>(seed));
    for (int i = 0; i < kCommandsPerSequence; ++i) differential.Step();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace millrace::redis
