// SPDX-License-Identifier: Apache-2.0
#include "config/text.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "config/suggestion.h"

namespace millrace::config {
namespace {

TEST(TextTest, DurationsNeedAUnit) {
  EXPECT_EQ(ParseDurationMs("250ms"), 250);
  EXPECT_EQ(ParseDurationMs("5s"), 5000);
  EXPECT_EQ(ParseDurationMs("1m"), 60'000);
  EXPECT_EQ(ParseDurationMs("1h"), 3'600'000);
  for (const char* wrong :
       {"", "5", "s", "-5s", "1.5s", "5 s", "5S", "5sec", "99999999999999999h"}) {
    EXPECT_FALSE(ParseDurationMs(wrong)) << wrong;
  }
}

TEST(TextTest, SizesAreBinary) {
  EXPECT_EQ(ParseSizeBytes("4096"), 4096);
  EXPECT_EQ(ParseSizeBytes("64KiB"), 65536);
  EXPECT_EQ(ParseSizeBytes("1MiB"), 1 << 20);
  EXPECT_EQ(ParseSizeBytes("3GiB"), int64_t{3} << 30);
  for (const char* wrong : {"", "KiB", "1KB", "1kib", "-1", "1.5MiB", "99999999999GiB"}) {
    EXPECT_FALSE(ParseSizeBytes(wrong)) << wrong;
  }
}

TEST(TextTest, DurationsAndSizesAreFormattedInTheLargestExactUnit) {
  EXPECT_EQ(FormatDuration(0), "0ms");
  EXPECT_EQ(FormatDuration(1500), "1500ms");
  EXPECT_EQ(FormatDuration(120'000), "2m");
  EXPECT_EQ(FormatSize(0), "0");
  EXPECT_EQ(FormatSize(65536), "64KiB");
  EXPECT_EQ(FormatSize(1000), "1000");
}

TEST(TextTest, TimestampsAreRfc3339) {
  EXPECT_EQ(ParseTimestampMs("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTimestampMs("2015-09-12T00:00:00Z"), 1442016000000);
  EXPECT_EQ(ParseTimestampMs("2015-09-12 02:30:00.1239+02:30"), 1442016000123);
  EXPECT_EQ(ParseTimestampMs("2016-02-29t23:59:59z"), 1456790399000);
  for (const char* wrong :
       {"", "2015-09-12", "2015-09-12T00:00:00", "2015-13-01T00:00:00Z", "2015-02-29T00:00:00Z",
        "2015-09-12T24:00:00Z", "2015-09-12T00:00:00.Z", "2015-09-12T00:00:00Zx",
        "1969-12-31T23:59:59Z", "2015-09-12T00:00:00+0200", "2015-9-12T00:00:00Z"}) {
    EXPECT_FALSE(ParseTimestampMs(wrong)) << wrong;
  }
}

TEST(TextTest, IntegersAreDecimalAndInRange) {
  EXPECT_EQ(ParseInteger("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  for (const char* wrong : {"", "-", "+1", " 1", "1 ", "0x1", "9223372036854775808"}) {
    EXPECT_FALSE(ParseInteger(wrong)) << wrong;
  }
}

TEST(TextTest, Utf8IsStrict) {
  EXPECT_TRUE(IsUtf8("aé€😀"));
  for (const char* wrong : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                            "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff"}) {
    EXPECT_FALSE(IsUtf8(wrong));
  }
}

TEST(TextTest, QuotedTextIsShortenedBetweenCharacters) {
  EXPECT_EQ(Quoted("a"), "\"a\"");
  EXPECT_EQ(Quoted(std::string(63, 'a') + "é"), "\"" + std::string(63, 'a') + "…\"");
}

TEST(SuggestionTest, OnlyNearWordsAreSuggested) {
  constexpr std::array<std::string_view, 3> kWords{"lanes", "library", "batch"};
  EXPECT_EQ(DidYouMean("lane", kWords), " (did you mean \"lanes\"?)");
  EXPECT_EQ(DidYouMean("libary", kWords), " (did you mean \"library\"?)");
  EXPECT_EQ(DidYouMean("zebra", kWords), "");
  EXPECT_EQ(DidYouMean(std::string(100'000, 'l'), kWords), "");
}

}  // namespace
}  // namespace millrace::config
