// SPDX-License-Identifier: Apache-2.0
#include "commit/outbox.h"

#include <gmock/gmock.h>

#include "commit/published_note.h"

namespace millrace::commit {
namespace {

using namespace std::string_literals;

const std::vector<std::string> kTopics = {"out", "other"};
const std::vector<std::string> kSources = {"fn/in/0", "fn/more/0"};

OutboxRecord Record(uint32_t topic, Slice key, Slice value) {
  return {.topic = topic,
          .key = key,
          .value = value,
          .headers = {},
          .source = 0,
          .offset = 7,
          .index = 0,
          .timestamp_ms = 1234,
          .partition = 3};
}

std::string Packed() {
  OutboxWriter writer(&kTopics, &kSources);
  writer.Add(Record(0, "key", "value"));
  OutboxRecord second = Record(1, {}, {});
  const std::vector<HeaderView> headers = {{"h", "1"}, {"null", {}}, {"empty", ""}};
  second.headers = headers;
  second.source = 1;
  second.offset = 5;
  second.index = 1;
  second.timestamp_ms = 1200;
  writer.Add(second);
  return writer.Finish(8, {{"in", 42}})->packed;
}

TEST(OutboxTest, GivesBackWhatWasPacked) {
  const std::string packed = Packed();
  OutboxReader reader{Slice(packed)};
  EXPECT_EQ(reader.applied(), (Offsets{{"in", 42}}));
  EXPECT_EQ(reader.topics(), kTopics);
  EXPECT_EQ(reader.outputs(), 2u);
  const OutboxRecord* first = reader.Next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->topic, 0u);
  EXPECT_EQ(first->key, Slice("key"));
  EXPECT_EQ(first->value, Slice("value"));
  EXPECT_EQ(reader.Id(), Slice("fn/in/0/7/0"));
  EXPECT_EQ(first->timestamp_ms, 1234);
  EXPECT_EQ(first->partition, 3);
  EXPECT_TRUE(first->headers.empty());
  const OutboxRecord* second = reader.Next();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->topic, 1u);
  EXPECT_EQ(reader.Id(), Slice("fn/more/0/5/1"));
  EXPECT_EQ(second->timestamp_ms, 1200);
  EXPECT_TRUE(second->key.is_null());
  EXPECT_TRUE(second->value.is_null());
  ASSERT_EQ(second->headers.size(), 3u);
  EXPECT_EQ(second->headers[0].value, Slice("1"));
  EXPECT_TRUE(second->headers[1].value.is_null());
  EXPECT_FALSE(second->headers[2].value.is_null());
  EXPECT_FALSE(reader.Next());
  EXPECT_FALSE(reader.damaged());
}

TEST(OutboxTest, WhatEarlierHostsHaveLeftIsPackedSo) {
  EXPECT_EQ(Packed(),
            "\2\1\2in*\2\3out\5other\2\7fn/in/0\11fn/more/0\2"
            "\0\3\244\23\0\16\0\4key\6value\0"
            "\1\3C\1\3\1\0\0\3\2h\0021\5null\0\6empty\1"s);
}

TEST(OutboxTest, NumbersOfEverySizeComeBack) {
  OutboxWriter writer(&kTopics, &kSources);
  const std::vector<int64_t> numbers = {0,   127, 128, -1,        INT64_MAX, INT64_MIN,
                                        -64, 64,  1,   INT64_MAX, 0};
  for (const int64_t number : numbers) {
    OutboxRecord record = Record(0, "", "");
    record.timestamp_ms = number;
    record.offset = std::max<int64_t>(number, 0);
    record.index = static_cast<uint32_t>(record.offset);
    record.partition = static_cast<int32_t>(record.offset & INT32_MAX);
    writer.Add(record);
  }
  const PublicationPtr publication = writer.Finish(1, {{"in", INT64_MAX}, {"more", 0}});
  OutboxReader reader{Slice(publication->packed)};
  EXPECT_EQ(reader.applied(), (Offsets{{"in", INT64_MAX}, {"more", 0}}));
  for (const int64_t number : numbers) {
    const OutboxRecord* record = reader.Next();
    ASSERT_TRUE(record) << number;
    EXPECT_EQ(record->timestamp_ms, number);
    EXPECT_EQ(record->offset, std::max<int64_t>(number, 0));
    EXPECT_EQ(record->index, static_cast<uint32_t>(record->offset));
    EXPECT_EQ(record->partition, record->offset & INT32_MAX);
    EXPECT_FALSE(record->key.is_null());
  }
  EXPECT_FALSE(reader.Next());
  EXPECT_FALSE(reader.damaged());
}

TEST(OutboxTest, AUsualRecordTakesTenBytesBesideKeyAndValue) {
  OutboxWriter writer(&kTopics, &kSources);
  OutboxRecord record = Record(0, "a key of 20 bytes...", "123456");
  writer.Add(record);
  const size_t first = writer.bytes();
  record.offset += 40;
  record.timestamp_ms += 40;
  writer.Add(record);
  EXPECT_LE(writer.bytes() - first, 26u + 10u);
}

TEST(OutboxTest, AUnitWithoutOutputsPacksNothing) {
  OutboxWriter writer(&kTopics, &kSources);
  const PublicationPtr publication = writer.Finish(3, {{"in", 9}});
  EXPECT_EQ(publication->seq, 3u);
  EXPECT_TRUE(publication->packed.empty());
  EXPECT_EQ(publication->applied, (Offsets{{"in", 9}}));
}

TEST(OutboxTest, EveryTruncationIsDamaged) {
  const std::string packed = Packed();
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(Unpack(1, packed.substr(0, size))) << size;
  }
  EXPECT_TRUE(Unpack(1, packed));
  EXPECT_FALSE(Unpack(1, packed + "x"));
}

TEST(OutboxTest, FlippedBytesAreReadWithinBounds) {
  const std::string packed = Packed();
  for (size_t at = 0; at < packed.size(); ++at) {
    std::string flipped = packed;
    flipped[at] = static_cast<char>(~flipped[at]);
    Unpack(1, flipped);  // reading outside is what a sanitizer would see
  }
}

TEST(PublishedNoteTest, ReadsWhatItWrites) {
  for (const bool released : {false, true}) {
    const PublishedNote note{.seq = 12, .owner = "mr.default.fn.host.0", .released = released};
    const auto read = NoteOf(TextOf(note));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->seq, 12u);
    EXPECT_EQ(read->owner, note.owner);
    EXPECT_EQ(read->released, released);
  }
}

TEST(PublishedNoteTest, WhatOthersWroteIsNoNote) {
  for (const char* text : {"", "12", "x 1", " 1 a", "99999999999999999999999 a"}) {
    EXPECT_FALSE(NoteOf(text)) << text;
  }
}

}  // namespace
}  // namespace millrace::commit
