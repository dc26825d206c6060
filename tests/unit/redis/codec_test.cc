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
  EXPECT_THAT(
      Commands(out),
      testing::ElementsAre("HMGET " + tag + ":s:totals a c", "HMGET " + tag + ":s:names b",
                           "HMGET " + tag + ":m:carts:m f",
                           "EVALSHA SHA 2 " + tag + ":m:carts:m " + tag + ":m:carts:n 65536"));
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
  EXPECT_THAT(counts, testing::ElementsAre(1000, 1000, 500, 16, 16, 8));
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
  EXPECT_TRUE(job.done());
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
