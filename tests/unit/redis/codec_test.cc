// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "redis/commit_codec.h"
#include "redis/read_codec.h"

namespace millrace::redis {
namespace {

using commit::CommitResult;
using commit::WriteOp;
using testing::HasSubstr;

const std::vector<state::StateDecl> kStates = {{state::StateKind::kValue, "totals"},
                                               {state::StateKind::kMap, "carts"},
                                               {state::StateKind::kValue, "names"}};
const std::string kEpoch(32, 'e');

// A command read back from the wire, as words with spaces between.
std::vector<std::string> Commands(const OutBuffer& out) {
  ReplyParser parser;
  Arena arena;
  parser.Feed(out.unsent());
  std::vector<std::string> commands;
  for (;;) {
    const Result<Reply> reply = parser.Next(&arena);
    if (!reply || reply->empty()) break;
    std::string command;
    for (const ReplyNode& word : reply->subspan(1)) {
      command += (command.empty() ? "" : " ") + std::string(word.text.view());
    }
    commands.push_back(command);
  }
  EXPECT_FALSE(parser.has_unparsed());
  return commands;
}

KeySpace Keys() { return *KeySpace::Create("ns", "fn", kStates); }

std::vector<std::string> EncodeUnit(const std::vector<WriteOp>& writes, const Offsets& applied) {
  KeySpace keys = Keys();
  OutBuffer out;
  CommitEncoder().Encode("SHA", keys.Of(3),
                         {.partition = 3,
                          .epoch = &kEpoch,
                          .expected_seq = 6,
                          .seq = 7,
                          .applied = applied,
                          .writes = writes},
                         &out);
  return Commands(out);
}

TEST(CommitCodecTest, ValuesOfAStateShareOneStep) {
  using K = WriteOp::Kind;
  const auto commands =
      EncodeUnit({{K::kPutValue, 0, "a", {}, "1"}, {K::kPutValue, 0, "b", {}, ""}}, {{"in", 42}});
  EXPECT_THAT(commands,
              testing::ElementsAre("EVALSHA SHA 2 {mr:ns:fn:3}:task {mr:ns:fn:3}:s:totals " +
                                   kEpoch + " 6 4 seq 7 applied:in 42 4 a 1 b "));
}

TEST(CommitCodecTest, StepsAreGroupedAndErasuresOfMapsComeFirst) {
  using K = WriteOp::Kind;
  const auto commands = EncodeUnit({{K::kPutValue, 2, "n", {}, "N"},
                                    {K::kEraseMap, 1, "c", {}, {}},
                                    {K::kPutField, 1, "c", "f", "F"},
                                    {K::kEraseField, 1, "d", "g", {}},
                                    {K::kPutValue, 0, "a", {}, "1"},
                                    {K::kPutField, 1, "c", "h", "H"},
                                    {K::kEraseValue, 0, "z", {}, {}}},
                                   {});
  const std::string tag = "{mr:ns:fn:3}";
  EXPECT_EQ(commands[0], "EVALSHA SHA 7 " + tag + ":task " + tag + ":s:totals " + tag +
                             ":s:totals " + tag + ":m:carts:c " + tag + ":m:carts:c " + tag +
                             ":m:carts:d " + tag + ":s:names " + kEpoch +
                             " 6 2 seq 7 -1 z 2 a 1 0 4 f F h H -1 g 2 n N");
}

const std::vector<std::string> kTopics = {"out"};
const std::vector<std::string> kSources = {"fn/in/3"};

commit::PublicationPtr Outputs(uint64_t seq, Slice value) {
  commit::OutboxWriter writer(&kTopics, &kSources);
  writer.Add({.topic = 0, .key = {}, .value = value, .headers = {}});
  return writer.Finish(seq, {{"in", 42}});
}

TEST(CommitCodecTest, TheOutboxIsTrimmedThenAppendedTo) {
  KeySpace keys = Keys();
  OutBuffer out;
  const std::vector<WriteOp> writes = {{WriteOp::Kind::kPutValue, 0, "a", {}, "1"}};
  const Offsets applied = {{"in", 42}};
  const commit::PublicationPtr outputs = Outputs(UINT64_MAX, "O");
  const std::vector<uint64_t> trimmed = {4, 6};
  CommitEncoder().Encode("SHA", keys.Of(3),
                         {.partition = 3,
                          .epoch = &kEpoch,
                          .expected_seq = 6,
                          .seq = UINT64_MAX,
                          .applied = applied,
                          .writes = writes,
                          .publication = outputs.get(),
                          .published_seq = 6,
                          .trimmed = trimmed},
                         &out);
  const std::string tag = "{mr:ns:fn:3}";
  EXPECT_THAT(Commands(out),
              testing::ElementsAre("EVALSHA SHA 4 " + tag + ":task " + tag + ":s:totals " + tag +
                                   ":o " + tag + ":o " + kEpoch +
                                   " 6 6 seq 18446744073709551615 applied:in 42 published 6 2 a 1" +
                                   " -2 4 6 2 18446744073709551615 " + outputs->packed));
}

TEST(CommitCodecTest, AUnitWithoutOutputsLeavesTheOutboxAlone) {
  KeySpace keys = Keys();
  OutBuffer out;
  const commit::Publication none{.seq = 7, .applied = {}, .packed = {}};
  CommitEncoder().Encode(
      "SHA", keys.Of(3),
      {.partition = 3, .epoch = &kEpoch, .expected_seq = 6, .seq = 7, .publication = &none}, &out);
  EXPECT_THAT(Commands(out),
              testing::ElementsAre("EVALSHA SHA 1 {mr:ns:fn:3}:task " + kEpoch + " 6 2 seq 7"));
}

// What the acquire script answers.
struct AcquireAnswer {
  std::vector<std::string> task = {}, outbox = {}, redo = {}, crashes = {};
  int64_t aside_count = 0;
  std::vector<std::string> aside = {};
};
std::vector<ReplyNode> NodesOf(const AcquireAnswer& answer) {
  using Type = ReplyNode::Type;
  std::vector<ReplyNode> nodes = {{.type = Type::kArray, .text = {}, .elements = 7},
                                  {.type = Type::kString, .text = "OK"}};
  const auto add = [&](const std::vector<std::string>& texts) {
    nodes.push_back(
        {.type = Type::kArray, .text = {}, .elements = static_cast<uint32_t>(texts.size())});
    for (const std::string& text : texts) nodes.push_back({.type = Type::kString, .text = text});
  };
  for (const auto* texts : {&answer.task, &answer.outbox, &answer.redo, &answer.crashes}) {
    add(*texts);
  }
  nodes.push_back({.type = Type::kInteger, .text = {}, .integer = answer.aside_count});
  add(answer.aside);
  return nodes;
}
Result<commit::Acquired> Decode(const AcquireAnswer& answer) {
  return DecodeAcquire(Keys().Of(3), {}, "state", NodesOf(answer));
}
Result<commit::Acquired> Decode(const std::vector<std::string>& task,
                                const std::vector<std::string>& outbox,
                                const std::vector<std::string>& redo = {}) {
  return Decode(AcquireAnswer{.task = task, .outbox = outbox, .redo = redo});
}

TEST(AcquireCodecTest, ACrashIsToldWithItsTopicAndNoneAsNoTopic) {
  const std::string tag = "{mr:ns:fn:3}";
  const std::string keys = tag + ":task " + tag + ":o " + tag + ":r " + tag + ":d ";
  commit::AcquireRequest request{
      .partition = 3, .epoch = kEpoch, .owner = "me", .group = "g", .partition_count = 4};
  OutBuffer out;
  KeySpace space = Keys();
  EncodeAcquire("SHA", space.Of(3), request, &out);
  request.crash =
      CrashMark{.topic = "in", .offset = 77, .together = 1, .hash12 = "0123456789ab", .id = "ff"};
  EncodeAcquire("SHA", space.Of(3), request, &out);
  const std::string both = "EVALSHA SHA 4 " + keys + kEpoch + " me g 4 2 1 1 1 1000 ";
  EXPECT_THAT(Commands(out),
              testing::ElementsAre(both + " 0   8", both + "in 77 0123456789ab ff 8"));
}

TEST(AcquireCodecTest, CrashesComeByTopicAndOnesThatCannotBeReadCountNothing) {
  const auto acquired =
      Decode({.crashes = {"more", "9 1 ba9876543210 1", "in", "77 2 0123456789ab ee,ff", "x",
                          "77 2", "y", "1 99999999999 a b"}});
  ASSERT_TRUE(acquired) << acquired.error().message;
  const CrashCount in{.offset = 77, .count = 2, .hash12 = "0123456789ab", .ids = "ee,ff"};
  const CrashCount more{.offset = 9, .count = 1, .hash12 = "ba9876543210", .ids = "1"};
  EXPECT_EQ(acquired->crashes, (std::vector<TopicCrash>{{"in", in}, {"more", more}}));
}

TEST(AcquireCodecTest, WhatLiesAsideComesInOrderAndForeignFieldsHaveNoName) {
  const auto acquired =
      Decode({.aside_count = 4, .aside = {"crash in 10", "crash in 9", "note", "crash a 11"}});
  ASSERT_TRUE(acquired) << acquired.error().message;
  EXPECT_EQ(acquired->aside_count, 4u);
  EXPECT_EQ(acquired->aside,
            (std::vector<AsideName>{{"crash", "a", 11}, {"crash", "in", 9}, {"crash", "in", 10}}));
}

TEST(AcquireCodecTest, AReplyThatIsCutShortIsRetriable) {
  const AcquireAnswer answer{// which the nodes point into
                             .task = {"seq", "3"},
                             .crashes = {"in", "7 2 a b"},
                             .aside_count = 1,
                             .aside = {"x in 1"}};
  std::vector<ReplyNode> nodes = NodesOf(answer);
  ASSERT_TRUE(DecodeAcquire(Keys().Of(3), {}, "state", nodes));
  for (nodes.pop_back(); nodes.size() > 1; nodes.pop_back()) {
    const auto reply = DecodeAcquire(Keys().Of(3), {}, "state", nodes);
    ASSERT_FALSE(reply) << nodes.size();
  }
}

TEST(CommitCodecTest, WhatIsPutAsideGoesUnderItsName) {
  KeySpace keys = Keys();
  OutBuffer out;
  const std::vector<commit::AsideEntry> aside = {
      {.name = {.kind = "crash", .topic = "in", .offset = 6}, .packed = "P", .reason = "why"},
      {.name = {.kind = "crash", .topic = "in", .offset = 7}, .packed = "Q", .reason = "why"}};
  const Offsets applied = {{"in", 8}};
  CommitEncoder().Encode("SHA", keys.Of(3),
                         {.partition = 3,
                          .epoch = &kEpoch,
                          .expected_seq = 6,
                          .seq = 7,
                          .applied = applied,
                          .redo = "R",
                          .aside = aside},
                         &out);
  const std::string tag = "{mr:ns:fn:3}";
  EXPECT_THAT(
      Commands(out),
      testing::ElementsAre("EVALSHA SHA 3 " + tag + ":task " + tag + ":r " + tag + ":d " + kEpoch +
                           " 6 4 seq 7 applied:in 8 2 7 R 4 crash in 6 P " + "crash in 7 Q"));
}

TEST(AcquireCodecTest, TheOutboxComesInTheOrderOfSeq) {
  const auto acquired = Decode({"seq", "100", "applied:in", "7", "published", "8", "owner", "me"},
                               {"100", Outputs(100, "c")->packed, "9", Outputs(9, "a")->packed,
                                "20", Outputs(20, "b")->packed});
  ASSERT_TRUE(acquired) << acquired.error().message;
  EXPECT_EQ(acquired->seq, 100u);
  EXPECT_EQ(acquired->published_seq, 8u);
  EXPECT_EQ(acquired->applied, (Offsets{{"in", 7}}));
  ASSERT_EQ(acquired->outbox.size(), 3u);
  for (const auto& [index, seq] : {std::pair{0, 9}, {1, 20}, {2, 100}}) {
    const commit::Publication& entry = acquired->outbox[static_cast<size_t>(index)];
    EXPECT_EQ(entry.seq, static_cast<uint64_t>(seq));
    EXPECT_EQ(entry.outputs, 1u);
    EXPECT_EQ(entry.applied, (Offsets{{"in", 42}}));
  }
}

TEST(AcquireCodecTest, StateOfTheFormerVersionHasNeitherOutboxNorPublished) {
  const auto acquired = Decode({"seq", "3"}, {});
  ASSERT_TRUE(acquired);
  EXPECT_EQ(acquired->published_seq, 0u);
  EXPECT_TRUE(acquired->outbox.empty());
}

TEST(AcquireCodecTest, DamagedEntriesAreFatalAndNamed) {
  std::string cut = Outputs(9, "a")->packed;
  cut.pop_back();
  const auto damaged = Decode({}, {"9", cut});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(damaged.error().message, HasSubstr("field 9 of key {mr:ns:fn:3}:o is a damaged"));
  for (const std::string field : {"", "x", "9x", "-1", "09", "0", " 9", "18446744073709551616"}) {
    const auto reply = Decode({}, {field, Outputs(9, "a")->packed});
    ASSERT_FALSE(reply) << field;
    EXPECT_EQ(reply.error().error_class, ErrorClass::kFatal);
    EXPECT_THAT(reply.error().message,
                HasSubstr("field " + field + " of key {mr:ns:fn:3}:o is not the number"));
  }
  EXPECT_FALSE(Decode({"published", "x"}, {}));
}

TEST(AcquireCodecTest, TheRedoComesInTheOrderOfSeqAndDamageIsFatalAndNamed) {
  static const std::vector<std::string> kNames = {"totals"};
  commit::RedoWriter writer(&kNames);
  writer.Add({.state = 0, .key = "a", .value = "1"});
  const std::string entry = writer.Finish();
  const auto acquired = Decode({}, {}, {"100", entry, "9", entry});
  ASSERT_TRUE(acquired) << acquired.error().message;
  ASSERT_EQ(acquired->redo.size(), 2u);
  EXPECT_EQ(acquired->redo[0].seq, 9u);
  EXPECT_EQ(acquired->redo[1].seq, 100u);
  EXPECT_EQ(acquired->redo[1].packed, entry);
  const auto damaged = Decode({}, {}, {"9", entry + "x"});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(damaged.error().message, HasSubstr("field 9 of key {mr:ns:fn:3}:r is a damaged"));
  const auto named = Decode({}, {}, {"note", entry});
  ASSERT_FALSE(named);
  EXPECT_THAT(named.error().message, HasSubstr("field note of key {mr:ns:fn:3}:r is not the"));
}

TEST(CommitCodecTest, TheRedoIsTrimmedThenAppendedTo) {
  KeySpace keys = Keys();
  OutBuffer out;
  const std::vector<uint64_t> trimmed = {4, 6};
  CommitEncoder().Encode("SHA", keys.Of(3),
                         {.partition = 3,
                          .epoch = &kEpoch,
                          .expected_seq = 6,
                          .seq = 7,
                          .redo = "R",
                          .redo_trimmed = trimmed},
                         &out);
  const std::string tag = "{mr:ns:fn:3}";
  EXPECT_THAT(Commands(out),
              testing::ElementsAre("EVALSHA SHA 3 " + tag + ":task " + tag + ":r " + tag + ":r " +
                                   kEpoch + " 6 2 seq 7 -2 4 6 2 7 R"));
}

TEST(AcquireCodecTest, AReplyOfAnotherShapeIsRetriable) {
  using Type = ReplyNode::Type;
  std::vector<ReplyNode> nodes = {{.type = Type::kArray, .text = {}, .elements = 3},
                                  {.type = Type::kString, .text = "OK"},
                                  {.type = Type::kArray, .text = {}, .elements = 2},
                                  {.type = Type::kString, .text = "seq"},
                                  {.type = Type::kString, .text = "3"}};
  for (; !nodes.empty(); nodes.pop_back()) {
    const auto reply = DecodeAcquire(Keys().Of(3), {}, "state", nodes);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().error_class, ErrorClass::kRetriable);
    if (nodes.size() == 1) break;
  }
}

TEST(CommitCodecTest, RepliesBecomeResults) {
  const auto decode = [](Slice text, ReplyNode::Type type = ReplyNode::Type::kString) {
    const ReplyNode node{.type = type, .text = text};
    EXPECT_FALSE(IsApplied(Reply(&node, 1)));
    return DecodeCommit("state", Reply(&node, 1));
  };
  const ReplyNode applied{.type = ReplyNode::Type::kInteger, .text = {}, .integer = 1};
  EXPECT_TRUE(IsApplied(Reply(&applied, 1)));
  EXPECT_EQ(decode("FENCED mr.x").result, CommitResult::kFenced);
  EXPECT_EQ(decode("FENCED mr.x").detail, "state is owned by mr.x now");
  EXPECT_EQ(decode("DIVERGED 9").result, CommitResult::kDiverged);
  EXPECT_EQ(decode("UNKNOWN").result, CommitResult::kDiverged);
  EXPECT_EQ(decode("UNKNOWN").detail, "state: the store does not know the task any more");
  EXPECT_EQ(decode("REJECTED list a b").result, CommitResult::kRejected);
  EXPECT_THAT(decode("REJECTED list a b").detail, HasSubstr("key a b holds a list"));
  EXPECT_EQ(decode("FENCED x", ReplyNode::Type::kError).result, CommitResult::kRejected);
  EXPECT_THAT(decode("OOM no", ReplyNode::Type::kError).detail, HasSubstr("OOM no"));
}

TEST(ReadCodecTest, ItemsAreGroupedByHash) {
  KeySpace keys = Keys();
  OutBuffer out;
  ReadJob job;
  const std::vector<state::ReadItem> items = {{0, "a", {}},  {1, "m", {}}, {2, "b", {}},
                                              {1, "m", "f"}, {0, "c", {}}, {1, "n", {}}};
  ReadEncoder().Encode("SHA", keys.Of(0), keys.states(), items, &job, &out);
  const std::string tag = "{mr:ns:fn:0}";
  EXPECT_THAT(Commands(out), testing::ElementsAre(
                                 "HMGET " + tag + ":s:totals a c", "HMGET " + tag + ":s:names b",
                                 "HMGET " + tag + ":m:carts:m f",
                                 "EVALSHA SHA 2 " + tag + ":m:carts:m " + tag + ":m:carts:n 65536",
                                 "HGET " + tag + ":task epoch"));
  EXPECT_FALSE(job.done());
}

TEST(ReadCodecTest, LongReadsAreCutIntoCommands) {
  KeySpace keys = Keys();
  OutBuffer out;
  ReadJob job;
  std::vector<state::ReadItem> items(2'500, state::ReadItem{0, "k", {}});
  items.resize(2'540, state::ReadItem{1, "m", {}});
  ReadEncoder().Encode("SHA", keys.Of(0), keys.states(), items, &job, &out);
  std::vector<uint32_t> counts;
  for (const ReadCommand& command : job.commands) counts.push_back(command.count);
  EXPECT_THAT(counts, testing::ElementsAre(1000, 1000, 500, 16, 16, 8, 0));
}

TEST(ReadCodecTest, AReplyOfAnotherShapeFailsTheReadOnly) {
  KeySpace keys = Keys();
  OutBuffer out;
  ReadJob job;
  const std::vector<state::ReadItem> items = {{0, "a", {}}, {2, "b", {}}};
  ReadEncoder().Encode("SHA", keys.Of(0), keys.states(), items, &job, &out);
  const ReplyNode odd{.type = ReplyNode::Type::kInteger, .text = {}, .integer = 5};
  DecodeRead(Reply(&odd, 1), &job);
  EXPECT_FALSE(job.done());
  const ReplyNode good[] = {{.type = ReplyNode::Type::kArray, .text = {}, .elements = 1},
                            {.type = ReplyNode::Type::kString, .text = "B"}};
  DecodeRead(good, &job);
  EXPECT_FALSE(job.done());
  const ReplyNode epoch{.type = ReplyNode::Type::kString, .text = "e"};
  DecodeRead(Reply(&epoch, 1), &job);
  EXPECT_TRUE(job.done());
  EXPECT_EQ(job.reply.epoch, Slice("e"));
  EXPECT_FALSE(job.reply.status);
  EXPECT_EQ(job.reply.found[1].value, Slice("B"));
}

TEST(KeySpaceTest, AmbiguousNamesAreRefused) {
  EXPECT_FALSE(KeySpace::Create("a:b", "f", {}));
  EXPECT_FALSE(KeySpace::Create("n", "{f}", {}));
  EXPECT_FALSE(KeySpace::Create("n", "f", {{state::StateKind::kMap, "a:b"}}));
  EXPECT_FALSE(KeySpace::Create("", "f", {}));
}

}  // namespace
}  // namespace millrace::redis
