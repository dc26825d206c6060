// SPDX-License-Identifier: Apache-2.0
#include "commit/aside.h"

#include <gtest/gtest.h>

namespace millrace::commit {
namespace {

using namespace std::string_literals;

const std::vector<HeaderView> kHeaders = {{"a", Slice("\0\r\n", 3)}, {"", {}}, {"a", ""}};

AsideRecord Whole() {
  return {.kind = kAsideCrash,
          .reason = "has ended the function's process 3 times",
          .hash12 = "0123456789ab",
          .count = 3,
          .when_ms = 1'700'000'000'000,
          .timestamp_ms = -1,
          .key = Slice("k\0y", 3),
          .value = {},
          .headers = kHeaders};
}

TEST(AsideTest, ARecordIsKeptByteForByte) {
  const std::string packed = Pack(Whole());
  const AsideReader reader{Slice(packed)};
  ASSERT_FALSE(reader.damaged());
  const AsideRecord& record = reader.record();
  EXPECT_EQ(record.kind, "crash");
  EXPECT_EQ(record.reason, Whole().reason);
  EXPECT_EQ(record.hash12, "0123456789ab");
  EXPECT_EQ(record.count, 3u);
  EXPECT_EQ(record.when_ms, 1'700'000'000'000);
  EXPECT_EQ(record.timestamp_ms, -1);
  EXPECT_EQ(record.key, Whole().key);
  EXPECT_TRUE(record.value.is_null());
  ASSERT_EQ(record.headers.size(), kHeaders.size());
  for (size_t i = 0; i < kHeaders.size(); ++i) {
    EXPECT_EQ(record.headers[i].name, kHeaders[i].name);
    EXPECT_EQ(record.headers[i].value, kHeaders[i].value);
    EXPECT_EQ(record.headers[i].value.is_null(), kHeaders[i].value.is_null());
  }
}

TEST(AsideTest, WhatEarlierHostsHaveKeptIsPackedSo) {
  AsideRecord record = Whole();
  record.reason = "why";
  EXPECT_EQ(Pack(record),
            "\1\5crash\3why\0140123456789ab\3\200\240\253\376\371b\1"
            "\4k\0y\0"
            "\3\2a\4\0\r\n\1\0\2a\1"s);
}

TEST(AsideTest, NullAndEmptyAreNotTheSame) {
  AsideRecord record = Whole();
  record.key = {};
  record.value = "";
  const std::string packed = Pack(record);
  const AsideReader reader{Slice(packed)};
  EXPECT_TRUE(reader.record().key.is_null());
  EXPECT_FALSE(reader.record().value.is_null());
  EXPECT_EQ(reader.record().value.size(), 0u);
}

TEST(AsideTest, WhatIsNotWholeIsDamaged) {
  const std::string packed = Pack(Whole());
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_TRUE(AsideReader{Slice(packed.data(), size)}.damaged()) << size;
  }
  EXPECT_TRUE(AsideReader{Slice(packed + "x")}.damaged());
  std::string other = packed;
  other[0] = 2;
  EXPECT_TRUE(AsideReader{Slice(other)}.damaged());
}

TEST(AsideTest, NamesReadBack) {
  const AsideName name{.kind = "crash", .topic = "wiki.edits", .offset = 77};
  EXPECT_EQ(TextOf(name), "crash wiki.edits 77");
  EXPECT_EQ(AsideNameOf("crash wiki.edits 77"), name);
  for (const char* bad : {"", "crash", "crash 77", "crash  77", " in 77", "crash in -1",
                          "crash in 7x", "crash in ", "crash in 99999999999999999999"}) {
    EXPECT_FALSE(AsideNameOf(bad)) << bad;
  }
}

}  // namespace
}  // namespace millrace::commit
