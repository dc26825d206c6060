// SPDX-License-Identifier: Apache-2.0
#include "redis/out_buffer.h"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <string>
#include <vector>

namespace millrace::redis {
namespace {

std::string ByHiredis(const std::vector<std::string>& words) {
  std::vector<const char*> argv;
  std::vector<size_t> sizes;
  for (const std::string& word : words) {
    argv.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* target = nullptr;
  const int size =
      redisFormatCommandArgv(&target, static_cast<int>(argv.size()), argv.data(), sizes.data());
  std::string command(target, static_cast<size_t>(size));
  redisFreeCommand(target);
  return command;
}

TEST(CommandWriterTest, WritesTheBytesThatHiredisWrites) {
  const std::vector<std::string> words = {"HSET", "", std::string("\0\r\n$", 4),
                                          "-9223372036854775808", std::string(100'000, 'x')};
  OutBuffer out;
  CommandWriter(&out).Begin(5).Arg("HSET").Arg("").Arg(words[2]).Number(INT64_MIN).Arg(words[4]);
  EXPECT_EQ(out.unsent(), ByHiredis(words));
}

TEST(CommandWriterTest, JoinsAnArgumentOfTwoParts) {
  OutBuffer out;
  CommandWriter(&out).Begin(2).Arg("GET").Arg("head:", "tail");
  EXPECT_EQ(out.unsent(), ByHiredis({"GET", "head:tail"}));
}

TEST(OutBufferTest, KeepsTheOrderWhileItIsFilledAndEmptied) {
  OutBuffer out;
  std::string written, sent;
  for (int i = 0; i < 5'000; ++i) {
    const std::string word = "word" + std::to_string(i);
    CommandWriter(&out).Arg(word);
    written += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    const size_t part = std::min<size_t>(out.size(), 3 + static_cast<size_t>(i % 20));
    sent += out.unsent().substr(0, part);
    out.Consume(part);
  }
  sent += out.unsent();
  EXPECT_EQ(sent, written);
}

TEST(OutBufferTest, ClearForgetsWhatWasNotSent) {
  OutBuffer out;
  CommandWriter(&out).Arg(std::string(8 * 1024 * 1024, 'x'));
  out.Clear();
  EXPECT_TRUE(out.empty());
  CommandWriter(&out).Arg("a");
  EXPECT_EQ(out.unsent(), "$1\r\na\r\n");
}

}  // namespace
}  // namespace millrace::redis
