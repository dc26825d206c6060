// SPDX-License-Identifier: Apache-2.0
#include "commit/published_note.h"

#include <gtest/gtest.h>

namespace millrace::commit {
namespace {

constexpr char kOwner[] = "mr.default.f.host-1.0";
const CrashCount kCrash{.offset = 77, .count = 2, .hash12 = "0123456789ab", .ids = "ee,ff"};

TEST(PublishedNoteTest, ANoteWithoutACrashReadsAndIsWrittenAsEver) {
  const std::string text = std::string("12 ") + kOwner;
  EXPECT_EQ(TextOf(PublishedNote{.seq = 12, .owner = kOwner}), text);
  const auto note = NoteOf(text + " released");
  ASSERT_TRUE(note);
  EXPECT_EQ(note->seq, 12u);
  EXPECT_EQ(note->owner, kOwner);
  EXPECT_TRUE(note->released);
  EXPECT_FALSE(note->crash);
}

TEST(PublishedNoteTest, ACrashIsKeptBesideTheRest) {
  const std::string text =
      TextOf(PublishedNote{.seq = 12, .owner = kOwner, .released = true, .crash = kCrash});
  EXPECT_EQ(text, "crash 77 2 0123456789ab ee,ff 12 mr.default.f.host-1.0 released");
  const auto note = NoteOf(text);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->crash, kCrash);
  EXPECT_EQ(note->seq, 12u);
  EXPECT_EQ(note->owner, kOwner);
  EXPECT_TRUE(note->released);
}

// A reader from before there were crashes begins with the number.
TEST(PublishedNoteTest, AnOlderReaderFindsNoNumberWhereACrashIs) {
  const std::string text = TextOf(PublishedNote{.seq = 12, .owner = kOwner, .crash = kCrash});
  EXPECT_TRUE(text[0] < '0' || text[0] > '9');
}

TEST(PublishedNoteTest, WhatIsCutShortOrIsNoNumberIsNoNote) {
  const std::string text = TextOf(PublishedNote{.seq = 12, .owner = kOwner, .crash = kCrash});
  const size_t owner = text.find("mr.");
  for (size_t size = 0; size + 1 < owner; ++size) {
    EXPECT_FALSE(NoteOf(text.substr(0, size))) << size;
  }
  for (const char* bad : {"crash x 2 h i 12 o", "crash 7 -2 h i 12 o", "crash 7 2 h  12 o",
                          "crash -7 2 h i 12 o", "crash 99999999999999999999 2 h i 12 o"}) {
    EXPECT_FALSE(NoteOf(bad)) << bad;
  }
}

TEST(CrashTextTest, ReadsWhatItWroteAndNothingElse) {
  EXPECT_EQ(TextOf(kCrash), "77 2 0123456789ab ee,ff");
  EXPECT_EQ(CrashOf(TextOf(kCrash)), kCrash);
  for (const char* bad : {"", "77", "77 2 h", "77 2 h i more", "77 2 h i ", " 77 2 h i",
                          "7.5 2 h i", "77 2x h i", "77 99999999999 h i"}) {
    EXPECT_FALSE(CrashOf(bad)) << bad;
  }
}

}  // namespace
}  // namespace millrace::commit
