// SPDX-License-Identifier: Apache-2.0
#include "integration/redis/differential.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "commit/crash_text.h"

namespace millrace::redis {
namespace {

using commit::CommitResult;

constexpr int kSequences = 10'000;
constexpr int kTogether = 200;  // sequences that are sent before their replies are compared
constexpr int kStepsMin = 8;
constexpr int kStepsMax = 16;
constexpr uint64_t kBeyondDoubles = (uint64_t{1} << 53) + 1;

// Keys, fields and topics.
const std::array<std::string, 4> kWords = {"a", "b", std::string("c\0\r\n{", 5), "d"};

const std::vector<std::string>& Values() {
  static const std::vector<std::string> kValues = {
      "", "v", "9007199254740993", std::string("\0\r\n$3\r\n", 7), std::string(300, 'x'), "7"};
  return kValues;
}

// Above what a map is read whole with.
const std::string& LargeValue() {
  static const std::string kLarge(state::kWholeMapBytesMax, 'L');
  return kLarge;
}

const char* NameOf(CommitResult result) {
  switch (result) {
    case CommitResult::kApplied:
      return "applied";
    case CommitResult::kFenced:
      return "fenced";
    case CommitResult::kDiverged:
      return "diverged";
    case CommitResult::kUnavailable:
      return "unavailable";
    case CommitResult::kRejected:
      return "rejected";
  }
  return "";
}

const char* NameOf(ErrorClass error_class) {
  return error_class == ErrorClass::kFatal ? "fatal" : "not fatal";
}

std::string ShowRead(const state::ReadReply& reply) {
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

// The first place where two long texts differ, with what stands around it.
std::string Difference(const std::string& redis, const std::string& other) {
  const auto [at, ignored] = std::mismatch(redis.begin(), redis.end(), other.begin(), other.end());
  const auto around = static_cast<size_t>(at - redis.begin());
  const size_t from = around < 60 ? 0 : around - 60;
  return "\n  Redis: ..." + redis.substr(from, 160) + "\n  other: ..." + other.substr(from, 160);
}

}  // namespace

void Differential::Run(uint64_t first, int sequences) {
  for (int i = 0; i < sequences; ++i) {
    Begin(first + static_cast<uint64_t>(i), i);
    const int steps = kStepsMin + Pick(kStepsMax - kStepsMin + 1);
    while (step_ < steps) Step();
    End();
    if ((i + 1) % kTogether == 0 || i + 1 == sequences) Compare();
    if (testing::Test::HasFailure()) return;
  }
}

void Differential::Begin(uint64_t seed, int32_t partition) {
  seed_ = seed;
  random_.seed(seed);
  partition_ = partition;
  step_ = epochs_ = 0;
  seq_ = 0;
  outbox_.clear();
  redo_.clear();
  crash_.reset();
  former_epoch_ = FreshEpoch();
  epoch_ = FreshEpoch();
  if (OneIn(8)) return;  // begins with commits and reads of a task that nobody has
  step_ = -1;
  Step();
}

void Differential::Step() {
  const bool opening = ++step_ == 0;
  const int dice = opening ? 0 : Pick(13);
  if (dice == 0 || dice == 12) {
    return Acquire({.partition = partition_,
                    .epoch = FreshEpoch(),
                    .owner = "owner-" + Word(),
                    .group = !opening && OneIn(4) ? "another" : "group",
                    .partition_count = !opening && OneIn(4) ? 5 : 4,
                    .versions = AnyVersions(),
                    .crash = Crash()});
  }
  if (dice < 9) return Commit();
  if (OneIn(6)) return ReadWholeMap(Word());
  const std::string &key = Word(), &field = Word();
  Read({{kCarts, key, {}}, {kTotals, key, {}}, {kCarts, key, field}, {kNames, field, {}}});
}

// Most read what is there.
StateVersions Differential::AnyVersions() {
  const auto written = static_cast<uint32_t>(1 + Pick(3));
  return {.written = written, .oldest_read = OneIn(4) ? written : 1};
}

void Differential::End() {
  ++step_;
  std::vector<state::ReadItem> items;
  for (const std::string& key : kWords) {
    items.insert(items.end(), {{kTotals, key, {}}, {kNames, key, {}}, {kCarts, key, {}}});
  }
  Read(items);
  expected_committed_.push_back({.kind = Kind::kRead,
                                 .reply = ShowRead(other_.committed->ReadNow(partition_, items)),
                                 .where = Where(),
                                 .partition = partition_});
  Acquire({.partition = partition_,
           .epoch = FreshEpoch(),
           .owner = "last",
           .group = "group",
           .partition_count = 4,
           .versions = {.written = 3, .oldest_read = 1},
           .crash = Crash()});
}

void Differential::Acquire(const commit::AcquireRequest& request) {
  redis_->store().StartAcquire(request);
  other_.commits->StartAcquire(request);
  commit::AcquireReply reply;
  ASSERT_TRUE(other_.commits->PollAcquire(&reply));
  ++seen_[reply.result ? "acquired" : "refused"];
  if (reply.result) {
    former_epoch_ = std::exchange(epoch_, request.epoch);
    seen_["outbox entry"] += static_cast<int>(reply.result->outbox.size());
    seen_["redo entry"] += static_cast<int>(reply.result->redo.size());
    seen_["seen output"] += static_cast<int>(reply.result->seen.size());
    seen_["put aside"] += static_cast<int>(reply.result->aside.size());
    for (const TopicCrash& known : reply.result->crashes) {
      ++seen_[known.crash.count > 1 ? "crash again" : "crash"];
    }
  }
  Expect(Kind::kAcquire, Show(reply));
}

void Differential::Commit() {
  const int owner = Pick(10);
  const std::string epoch = owner == 0 ? former_epoch_ : owner == 1 ? FreshEpoch() : epoch_;
  const uint64_t expected = OneIn(8) ? seq_ + static_cast<uint64_t>(Pick(3)) : seq_;
  const uint64_t seq = expected + (OneIn(10) ? kBeyondDoubles : OneIn(6) ? 7 : 1);
  Offsets applied;
  for (const std::string& topic : kWords) {
    const int64_t offset = OneIn(9) ? static_cast<int64_t>(kBeyondDoubles) : Pick(1000);
    if (OneIn(2)) applied.push_back({topic, offset});
  }
  const std::vector<Write> writes = Writes();
  const commit::PublicationPtr publication = Publication(seq, applied);
  const std::vector<uint64_t> trimmed = Trimmed(outbox_);
  const std::string redo = Redo();
  const std::vector<uint64_t> redo_trimmed = Trimmed(redo_);
  const std::vector<SeenOutput> seen = Seen();
  const std::vector<commit::AsideEntry> aside = Aside();
  const commit::CommitRequest request{.partition = partition_,
                                      .epoch = &epoch,
                                      .expected_seq = expected,
                                      .seq = seq,
                                      .applied = applied,
                                      .writes = writes,
                                      .publication = publication.get(),
                                      .published_seq = OneIn(3) ? seq_ : 0,
                                      .trimmed = trimmed,
                                      .seen = seen,
                                      .redo = redo,
                                      .redo_trimmed = redo_trimmed,
                                      .aside = aside};
  redis_->store().StartCommit(request);
  other_.commits->StartCommit(request);
  commit::CommitReply reply;
  ASSERT_TRUE(other_.commits->PollCommit(&reply));
  ++seen_[NameOf(reply.result)];
  if (reply.result == CommitResult::kApplied) {
    seq_ = seq;
    for (const uint64_t entry : trimmed) std::erase(outbox_, entry);
    if (publication && !publication->packed.empty()) outbox_.push_back(seq);
    for (const uint64_t entry : redo_trimmed) std::erase(redo_, entry);
    if (!redo.empty()) redo_.push_back(seq);
  }
  Expect(Kind::kCommit, Show(reply));
}

// At most one write per cell, an erased map before its fields, as the port asks for; otherwise in
// any order.
std::vector<Write> Differential::Writes() {
  std::vector<Write> writes;
  if (OneIn(8)) return writes;
  const auto value = [this] {
    if (OneIn(300)) return Slice(LargeValue());
    return Slice(Values()[static_cast<size_t>(Pick(static_cast<int>(Values().size())))]);
  };
  for (const std::string& key : kWords) {
    if (OneIn(4)) writes.push_back(OneIn(3) ? Erase(key) : Put(key, value()));
    if (OneIn(6)) writes.push_back(Put(key, value(), kNames));
    if (OneIn(7)) writes.push_back(EraseMap(key));
    for (const std::string& field : kWords) {
      if (OneIn(7)) {
        writes.push_back(PutField(key, field, value()));
      } else if (OneIn(8)) {
        writes.push_back(EraseField(key, field));
      }
    }
  }
  std::shuffle(writes.begin(), writes.end(), random_);
  std::stable_partition(writes.begin(), writes.end(),
                        [](const Write& op) { return op.kind == Write::Kind::kEraseMap; });
  return writes;
}

std::vector<uint64_t> Differential::Trimmed(const std::vector<uint64_t>& stored) {
  std::vector<uint64_t> trimmed;
  if (!OneIn(3)) return trimmed;
  for (const uint64_t seq : stored) {
    if (!OneIn(3)) trimmed.push_back(seq);
  }
  if (OneIn(4)) trimmed.push_back(seq_ + 1'000'000);  // is not there
  return trimmed;
}

std::string Differential::Redo() {
  static const std::vector<std::string> kStates = {"totals", "carts", "names"};
  commit::RedoWriter writer(&kStates);
  for (int cells = OneIn(2) ? 0 : Pick(4); cells > 0; --cells) {
    writer.Add({.state = OneIn(2) ? kTotals : kNames,
                .key = Word(),
                .value = OneIn(4) ? Slice() : Slice(Values()[static_cast<size_t>(Pick(6))])});
  }
  return writer.Finish();
}

std::vector<SeenOutput> Differential::Seen() {
  std::vector<SeenOutput> seen;
  for (const char* topic : {"in", "more"}) {
    for (const char* source : {"f/t/0", "f/t/1", "g/a.b_c-d/12"}) {
      if (!OneIn(6)) continue;
      const int64_t offset = OneIn(9) ? static_cast<int64_t>(kBeyondDoubles) : Pick(1000);
      seen.push_back({.topic = topic,
                      .source = source,
                      .offset = offset,
                      .index = static_cast<uint32_t>(Pick(3))});
    }
  }
  return seen;
}

// Most are of the event or the library of the one before, or the same once more.
std::optional<CrashMark> Differential::Crash() {
  if (OneIn(5)) return std::nullopt;
  if (crash_ && OneIn(4)) return crash_;
  const bool again = crash_ && !OneIn(4);
  CrashMark mark;
  if (again) {
    mark = *crash_;
  } else {
    mark.topic = Word();
    mark.offset = Pick(1'000);
  }
  if (!again && OneIn(3)) mark.offset = static_cast<int64_t>(kBeyondDoubles) - Pick(2);
  if (!again || OneIn(6)) mark.hash12 = OneIn(2) ? "0123456789ab" : "ba9876543210";
  mark.id = std::to_string(step_ + 1) + "f";
  crash_ = mark;
  return mark;
}

std::vector<commit::AsideEntry> Differential::Aside() {
  std::vector<commit::AsideEntry> aside;
  for (const std::string& topic : kWords) {
    if (!OneIn(12)) continue;
    const int64_t offset = OneIn(9) ? static_cast<int64_t>(kBeyondDoubles) : Pick(20);
    aside.push_back(
        {.name = {.kind = OneIn(3) ? "other" : "crash", .topic = topic, .offset = offset},
         .packed = Values()[static_cast<size_t>(Pick(6))]});
  }
  return aside;
}

commit::PublicationPtr Differential::Publication(uint64_t seq, const Offsets& applied) {
  const int dice = Pick(4);
  if (dice == 0) return nullptr;
  static const std::vector<std::string> kTopics = {"out", "other"};
  static const std::vector<std::string> kSources = {"f/in/0", "f/more/0"};
  commit::OutboxWriter writer(&kTopics, &kSources);
  for (int i = dice == 1 ? 0 : 1 + Pick(3); i > 0; --i) {
    writer.Add({.topic = static_cast<uint32_t>(Pick(2)),
                .key = OneIn(3) ? Slice() : Slice(Word()),
                .value = Slice(Values()[static_cast<size_t>(Pick(5))]),
                .headers = {},
                .source = static_cast<uint32_t>(Pick(2)),
                .offset = Pick(1000),
                .timestamp_ms = Pick(1000),
                .partition = Pick(4)});
  }
  return writer.Finish(seq, applied);
}

void Differential::Read(const std::vector<state::ReadItem>& items) {
  redis_->store().StartRead(partition_, items);
  ++seen_["read"];
  const state::ReadReply reply = other_.reads->ReadNow(partition_, items);
  for (const auto& found : reply.found) {
    if (found.what == state::Found::What::kLargeMap) ++seen_["large map"];
  }
  Expect(Kind::kRead, ShowRead(reply));
}

void Differential::ReadWholeMap(Slice key) {
  ++seen_["whole map"];
  const auto redis = ShowRead(redis_->store().ReadWholeMapNow(partition_, kCarts, key));
  const auto other = ShowRead(other_.reads->ReadWholeMapNow(partition_, kCarts, key));
  if (redis != other) Compare();  // an earlier reply may say more
  ASSERT_TRUE(redis == other) << Where() << Difference(redis, other);
}

std::string Differential::Where() const {
  return "seed " + std::to_string(seed_) + ", step " + std::to_string(step_);
}

void Differential::Expect(Kind kind, std::string reply) {
  expected_.push_back({.kind = kind, .reply = std::move(reply), .where = Where()});
}

void Differential::Compare() {
  for (; !expected_.empty(); expected_.pop_front()) {
    const Expected& expected = expected_.front();
    const std::string reply = NextReply(expected.kind);
    ASSERT_TRUE(reply == expected.reply) << expected.where << Difference(reply, expected.reply);
  }
  std::vector<state::ReadItem> items;
  for (const std::string& key : kWords) {
    items.insert(items.end(), {{kTotals, key, {}}, {kNames, key, {}}, {kCarts, key, {}}});
  }
  for (; !expected_committed_.empty(); expected_committed_.pop_front()) {
    const Expected& expected = expected_committed_.front();
    const std::string reply = ShowRead(committed_->store().ReadNow(expected.partition, items));
    ASSERT_TRUE(reply == expected.reply) << expected.where << Difference(reply, expected.reply);
    ++seen_["committed read"];
  }
}

std::string Differential::NextReply(Kind kind) {
  RedisStore& store = redis_->store();
  if (kind == Kind::kAcquire) {
    commit::AcquireReply reply;
    return redis_->RunUntil([&] { return store.PollAcquire(&reply); }) ? Show(reply) : "nothing";
  }
  if (kind == Kind::kCommit) {
    commit::CommitReply reply;
    return redis_->RunUntil([&] { return store.PollCommit(&reply); }) ? Show(reply) : "nothing";
  }
  state::ReadReply reply;
  return redis_->RunUntil([&] { return store.PollRead(&reply); }) ? ShowRead(reply) : "nothing";
}

std::string Differential::Show(const commit::AcquireReply& reply) const {
  std::string text = "partition " + std::to_string(reply.partition) + " epoch " + reply.epoch;
  if (!reply.result) {
    const bool told = other_.texts == OtherStore::Texts::kCompared;
    return text + " refused: " + NameOf(reply.result.error().error_class) +
           (told ? " " + reply.result.error().message : "");
  }
  const commit::Acquired& acquired = *reply.result;
  text += " acquired at " + std::to_string(acquired.seq) + " from " + acquired.former_owner +
          " published " + std::to_string(acquired.published_seq);
  const auto offsets = [&text](const Offsets& applied) {
    for (const TopicOffset& at : applied) text += " " + at.topic + "@" + std::to_string(at.offset);
  };
  offsets(acquired.applied);
  for (const SeenOutput& seen : acquired.seen) {
    text += " seen " + seen.topic + ":" + seen.source + "=" + std::to_string(seen.offset) + "/" +
            std::to_string(seen.index);
  }
  for (const commit::Publication& entry : acquired.outbox) {
    text += "|" + std::to_string(entry.seq) + " with " + std::to_string(entry.outputs);
    offsets(entry.applied);
    text += " " + entry.packed;
  }
  for (const TopicCrash& known : acquired.crashes) {
    text += "|crash " + known.topic + " " + commit::TextOf(known.crash);
  }
  text += "|aside " + std::to_string(acquired.aside_count);
  for (const AsideName& name : acquired.aside) text += " " + commit::TextOf(name);
  for (const commit::RedoEntry& entry : acquired.redo) {
    text += "|redo " + std::to_string(entry.seq) + " " + entry.packed;
  }
  return text;
}

std::string Differential::Show(const commit::CommitReply& reply) const {
  const bool told = other_.texts == OtherStore::Texts::kCompared;
  return "partition " + std::to_string(reply.partition) + " commit " + std::to_string(reply.seq) +
         " of " + reply.epoch + ": " + NameOf(reply.result) + (told ? " " + reply.detail : "");
}

const std::string& Differential::Word() { return kWords[static_cast<size_t>(Pick(4))]; }

std::string Differential::FreshEpoch() {
  const std::string number = std::to_string(++epochs_);
  return std::string(32 - number.size(), '0') + number;
}

void RunDifferential(Differential* differential) {
  const char* given = std::getenv("MILLRACE_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << kSequences << " sequences from MILLRACE_SEED=" << seed << std::endl;
  differential->Run(seed, kSequences);
  if (testing::Test::HasFailure()) {
    std::cout << "MILLRACE_SEED=<the seed that failed> begins with that sequence" << std::endl;
    return;
  }
  for (const char* reply : {"applied", "fenced", "diverged", "acquired", "refused", "outbox entry",
                            "redo entry", "seen output", "crash", "crash again", "put aside",
                            "read", "committed read", "large map", "whole map"}) {
    const auto found = differential->seen().find(reply);
    const int count = found == differential->seen().end() ? 0 : found->second;
    std::cout << "  " << reply << " " << count << std::endl;
    EXPECT_GT(count, 0) << reply;
  }
}

}  // namespace millrace::redis
