// SPDX-License-Identifier: Apache-2.0
#include "model/output_id.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

std::string Parsed(Slice id) {
  const auto parsed = ParseOutputId(id);
  if (!parsed) return "none";
  return std::string(parsed->source.view()) + " " + std::to_string(parsed->offset) + " " +
         std::to_string(parsed->index);
}

TEST(OutputId, TellsSourceAndPlace) {
  EXPECT_EQ(Parsed("page-edits/wiki.edits/3/412/0"), "page-edits/wiki.edits/3 412 0");
  EXPECT_EQ(Parsed("f/t/0/9223372036854775807/4294967295"), "f/t/0 9223372036854775807 4294967295");
}

TEST(OutputId, IsReadAsItWasFormatted) {
  std::string room;
  const std::string source = OutputSource("f", "t", 12);
  EXPECT_EQ(FormatOutputId({.source = source, .offset = INT64_MAX, .index = UINT32_MAX}, &room),
            Slice("f/t/12/9223372036854775807/4294967295"));
  EXPECT_EQ(Parsed(FormatOutputId({.source = source, .offset = 0, .index = 7}, &room)),
            "f/t/12 0 7");
}

TEST(OutputId, WhatIsNoneIsNotTakenForOne) {
  for (const char* text :
       {"", "/", "f/t/0/1", "f/t/0/1/", "f/t/0/x/0", "f/t/0/1/0/u", "a/f/t/0/1/0", "f/t/0/-1/0",
        "f/t/0/1/-1", "f/t/0/1/0 ", "f/t/0/9223372036854775808/0"}) {
    EXPECT_EQ(Parsed(text), "none") << text;
  }
  EXPECT_EQ(Parsed(Slice()), "none");
}

}  // namespace
}  // namespace millrace
