// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "redis/redis_store.h"

namespace millrace::redis {

inline constexpr uint32_t kTotals = 0;  // a value state
inline constexpr uint32_t kCarts = 1;   // a map state
inline constexpr uint32_t kNames = 2;   // another value state

inline std::vector<state::StateDecl> TestStates() {
  return {{state::StateKind::kValue, "totals"},
          {state::StateKind::kMap, "carts"},
          {state::StateKind::kValue, "names"}};
}

inline std::string EpochOf(char digit) { return std::string(32, digit); }

using Write = commit::WriteOp;
inline Write Put(Slice key, Slice value, uint32_t state = kTotals) {
  return {Write::Kind::kPutValue, state, key, {}, value};
}
inline Write Erase(Slice key) { return {Write::Kind::kEraseValue, kTotals, key, {}, {}}; }
inline Write PutField(Slice key, Slice field, Slice value) {
  return {Write::Kind::kPutField, kCarts, key, field, value};
}
inline Write EraseField(Slice key, Slice field) {
  return {Write::Kind::kEraseField, kCarts, key, field, {}};
}
inline Write EraseMap(Slice key) { return {Write::Kind::kEraseMap, kCarts, key, {}, {}}; }

// Outputs of a unit as the lane packs them: one record with this value.
inline commit::PublicationPtr Outputs(uint64_t seq, Slice value, Offsets applied = {{"in", 42}}) {
  static const std::vector<std::string> kTopics = {"out"};
  static const std::vector<std::string> kSources = {"f/in/0"};
  commit::OutboxWriter writer(&kTopics, &kSources);
  writer.Add({.topic = 0, .key = "key", .value = value, .headers = {}});
  return writer.Finish(seq, std::move(applied));
}

// A lane's view of a RedisStore in tests: starts a request and runs the io_context until its answer
// is there, at most ten seconds.
class StoreUser {
 public:
  StoreUser(const std::string& url, state::ReadView view) : StoreUser(url, {}, "f", "", view) {}
  explicit StoreUser(const std::string& url, SessionTimes times = {}, std::string function = "f",
                     std::string ca_file = "", state::ReadView view = state::ReadView::kOwner) {
    auto created = RedisStore::Create(&io_, &clock_,
                                      {.url = *ParseRedisUrl(url),
                                       .ca_file = std::move(ca_file),
                                       .name_space = "test",
                                       .function = std::move(function),
                                       .states = TestStates(),
                                       .view = view,
                                       .times = times,
                                       .on_progress = {}});
    store_ = std::move(*created);
  }

  RedisStore& store() { return *store_; }
  boost::asio::io_context& io() { return io_; }

  template <class Done>
  bool RunUntil(Done done) {
    const SteadyTime until = clock_.Now() + std::chrono::seconds(10);
    while (!done()) {
      if (clock_.Now() > until) return false;
      io_.restart();
      io_.run_one_for(Millis(20));
    }
    return true;
  }
  bool Connect() {
    return RunUntil([&] { return store_->connected(); });
  }

  commit::AcquireReply Acquire(const commit::AcquireRequest& request) {
    store_->StartAcquire(request);
    commit::AcquireReply reply;
    EXPECT_TRUE(RunUntil([&] { return store_->PollAcquire(&reply); }));
    return reply;
  }
  commit::AcquireReply Acquire(const std::string& epoch, int32_t partition = 0,
                               std::optional<CrashMark> crash = {}) {
    return Acquire({.partition = partition,
                    .epoch = epoch,
                    .owner = "mr.test.f.host.0",
                    .group = "millrace.test.f",
                    .partition_count = 4,
                    .crash = std::move(crash)});
  }

  void StartCommit(const std::string& epoch, uint64_t expected, std::vector<Write> writes,
                   Offsets applied = {{"in", 1}}, int32_t partition = 0) {
    store_->StartCommit({.partition = partition,
                         .epoch = &epoch,
                         .expected_seq = expected,
                         .seq = expected + 1,
                         .applied = applied,
                         .writes = writes});
  }
  // The writes of a unit are left out here: what it does to the outbox and to `published`.
  struct OutboxUnit {
    uint64_t expected = 0;
    uint64_t seq = 0;
    commit::PublicationPtr outputs = {};
    uint64_t published = 0;
    std::vector<uint64_t> trimmed = {};
    std::vector<commit::AsideEntry> aside = {};
    Offsets applied = {};
  };
  commit::CommitReply Commit(const std::string& epoch, const OutboxUnit& unit) {
    store_->StartCommit({.partition = 0,
                         .epoch = &epoch,
                         .expected_seq = unit.expected,
                         .seq = unit.seq,
                         .applied = unit.applied,
                         .publication = unit.outputs.get(),
                         .published_seq = unit.published,
                         .trimmed = unit.trimmed,
                         .aside = unit.aside});
    return NextCommit();
  }
  commit::CommitReply NextCommit() {
    commit::CommitReply reply;
    EXPECT_TRUE(RunUntil([&] { return store_->PollCommit(&reply); }));
    return reply;
  }
  commit::CommitReply Commit(const std::string& epoch, uint64_t expected, std::vector<Write> writes,
                             Offsets applied = {{"in", 1}}) {
    StartCommit(epoch, expected, std::move(writes), std::move(applied));
    return NextCommit();
  }

  state::ReadReply Read(std::vector<state::ReadItem> items, int32_t partition = 0) {
    store_->StartRead(partition, items);
    state::ReadReply reply;
    EXPECT_TRUE(RunUntil([&] { return store_->PollRead(&reply); }));
    return reply;
  }
  Slice ReadOne(state::ReadItem item) {
    read_ = Read({item});
    EXPECT_TRUE(read_.status) << read_.status.error().message;
    return read_.found.empty() ? Slice() : read_.found[0].value;
  }

 private:
  boost::asio::io_context io_;
  SystemClock clock_;
  std::unique_ptr<RedisStore> store_;
  state::ReadReply read_;
};

}  // namespace millrace::redis
