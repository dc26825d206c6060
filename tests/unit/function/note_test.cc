// SPDX-License-Identifier: Apache-2.0
#include "function/note.h"

#include <gmock/gmock.h>

namespace millrace::function {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Refusal(std::string_view text) {
  auto note = ParseNote(text, "x.so");
  return note ? "" : note.error().message;
}

TEST(Note, SaysWhatTheLibraryIs) {
  auto note = ParseNote(
      "abi 1.0\nname page-edits\nstate_version 3 2\nuse value pages\nuse map by_day\n"
      "use output counts\ntrigger kafka topic=a topic=b start=latest\n",
      "x.so");
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(note->abi_major, 1u);
  EXPECT_EQ(note->name, "page-edits");
  EXPECT_EQ(note->state_version, 3u);
  EXPECT_EQ(note->oldest_readable, 2u);
  EXPECT_THAT(note->uses,
              ElementsAre(Use{0, UseKind::kValue, "pages"}, Use{0, UseKind::kMap, "by_day"},
                          Use{0, UseKind::kOutput, "counts"}));
  ASSERT_EQ(note->triggers.size(), 1u);
  EXPECT_THAT(note->triggers[0].topics, ElementsAre("a", "b"));
  EXPECT_EQ(note->triggers[0].start.kind, StartPosition::Kind::kLatest);
}

TEST(Note, LinesOfALaterMinorVersionAreSkipped) {
  EXPECT_EQ(Refusal("abi 1.9\nfrobnicate all of it\n"), "");
}

TEST(Note, AnotherMajorIsRefusedWithBothNumbers) {
  EXPECT_THAT(Refusal("abi 2.3\nwhatever\n"),
              HasSubstr("x.so: library ABI 2.3, this host has ABI 1.2"));
}

TEST(Note, WhatIsToComeIsRefusedByItsName) {
  for (const std::string kind : {"list", "counter", "set", "timer"})
    EXPECT_THAT(Refusal("abi 1.0\nuse " + kind + " x\n"),
                HasSubstr(kind + " is not available in this version"));
  EXPECT_THAT(Refusal("abi 1.0\nuse value x ttl=5\n"),
              HasSubstr("ttl is not available in this version"));
  EXPECT_THAT(Refusal("abi 1.0\ntrigger schedule cron=x\n"),
              HasSubstr("trigger 'schedule' is not available in this version"));
}

TEST(Note, NonsenseIsRefusedWithItsLine) {
  EXPECT_THAT(Refusal(""), HasSubstr("its millrace note is empty"));
  EXPECT_THAT(Refusal("name x\nabi 1.0\n"), HasSubstr("the first line gives the ABI version"));
  EXPECT_THAT(Refusal("abi one\n"), HasSubstr("'abi one'"));
  EXPECT_THAT(Refusal("abi 1.0\nuse value Pages\n"), HasSubstr("'Pages' is no name"));
  EXPECT_THAT(Refusal("abi 1.0\nuse\n"), HasSubstr("wants 'use <kind> <name>'"));
  EXPECT_THAT(Refusal("abi 1.0\nstate_version 1 2\n"), HasSubstr("state_version"));
  EXPECT_THAT(Refusal("abi 1.0\ntrigger kafka start=latest\n"), HasSubstr("at least one topic"));
  EXPECT_THAT(Refusal("abi 1.0\nuse value \x01\xff\n"), HasSubstr("'?"
                                                                  "?'"));
}

}  // namespace
}  // namespace millrace::function
