// SPDX-License-Identifier: Apache-2.0
#include "redis/reply_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace millrace::redis {
namespace {

std::string Show(Reply reply) {
  std::string text;
  for (const ReplyNode& node : reply) {
    switch (node.type) {
      case ReplyNode::Type::kString:
        text += "\"" + std::string(node.text.view()) + "\" ";
        break;
      case ReplyNode::Type::kStatus:
        text += "+" + std::string(node.text.view()) + " ";
        break;
      case ReplyNode::Type::kError:
        text += "-" + std::string(node.text.view()) + " ";
        break;
      case ReplyNode::Type::kInteger:
        text += std::to_string(node.integer) + " ";
        break;
      case ReplyNode::Type::kNil:
        text += "nil ";
        break;
      case ReplyNode::Type::kArray:
        text += "[" + std::to_string(node.elements) + "] ";
        break;
    }
  }
  return text;
}

// Feeds `chunks` one after the other; what came out, a reply per line.
std::string Parse(ReplyParser& parser, const std::vector<std::string_view>& chunks) {
  Arena arena;
  std::string text;
  for (const std::string_view chunk : chunks) {
    parser.Feed(chunk);
    for (;;) {
      const Result<Reply> reply = parser.Next(&arena);
      if (!reply) return text + "error";
      if (reply->empty()) break;
      text += Show(*reply) + "\n";
    }
  }
  return text;
}

constexpr char kStream[] =
    "+OK\r\n:-42\r\n$5\r\na\r\nb\0\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
    "*3\r\n$1\r\nx\r\n*2\r\n:1\r\n$-1\r\n*0\r\n-ERR bad thing\r\n";
constexpr std::string_view kBytes(kStream, sizeof kStream - 1);

TEST(ReplyParserTest, RepliesAreTheSameWhereverTheStreamIsCut) {
  ReplyParser whole;
  const std::string expected = Parse(whole, {kBytes});
  std::string shown =
      "+OK \n-42 \n\"a\r\nb?\" \n\"\" \nnil \nnil \n[0] \n[3] \"x\" [2] 1 nil [0] \n"
      "-ERR bad thing \n";
  shown[shown.find('?')] = '\0';
  EXPECT_EQ(expected, shown);
  for (size_t cut = 0; cut <= kBytes.size(); ++cut) {
    ReplyParser parser;
    EXPECT_EQ(Parse(parser, {kBytes.substr(0, cut), kBytes.substr(cut)}), expected) << cut;
    EXPECT_FALSE(parser.has_unparsed());
  }
}

TEST(ReplyParserTest, RepliesAreTheSameByteByByte) {
  ReplyParser whole, slow;
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < kBytes.size(); ++i) bytes.push_back(kBytes.substr(i, 1));
  EXPECT_EQ(Parse(slow, bytes), Parse(whole, {kBytes}));
}

TEST(ReplyParserTest, NilAndEmptyDiffer) {
  ReplyParser parser;
  Arena arena;
  parser.Feed("*2\r\n$-1\r\n$0\r\n\r\n");
  const Result<Reply> reply = parser.Next(&arena);
  ASSERT_TRUE(reply);
  EXPECT_TRUE((*reply)[1].text.is_null());
  EXPECT_FALSE((*reply)[2].text.is_null());
}

TEST(ReplyParserTest, TextsOutliveTheNextReply) {
  ReplyParser parser;
  Arena arena;
  parser.Feed("$5\r\nfirst\r\n");
  const Slice first = (*parser.Next(&arena))[0].text;
  parser.Feed("$6\r\nsecond\r\n");
  ASSERT_TRUE(parser.Next(&arena));
  EXPECT_EQ(first.view(), "first");
}

TEST(ReplyParserTest, ManyLargeRepliesArrive) {
  ReplyParser parser;
  std::string stream;
  for (int i = 0; i < 200; ++i) {
    const std::string value(1 + static_cast<size_t>(i) * 97, 'x');
    stream += "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }
  std::vector<std::string_view> chunks;
  for (size_t at = 0; at < stream.size(); at += 1000) {
    chunks.push_back(std::string_view(stream).substr(at, 1000));
  }
  const std::string text = Parse(parser, chunks);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
}

TEST(ReplyParserTest, GarbageIsAnErrorUntilReset) {
  ReplyParser parser;
  EXPECT_EQ(Parse(parser, {"HTTP/1.1 400 Bad Request\r\n"}), "error");
  parser.Reset();
  EXPECT_EQ(Parse(parser, {"+OK\r\n"}), "+OK \n");
}

}  // namespace
}  // namespace millrace::redis
