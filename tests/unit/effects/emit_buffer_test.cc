// SPDX-License-Identifier: Apache-2.0
#include "effects/emit_buffer.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace millrace::effects {
namespace {

constexpr std::array<int32_t, 2> kCounts = {4, 0};
constexpr OutputLimits kLimits{.partition_counts = kCounts, .message_bytes_max = 2000};

// The vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
TEST(Murmur2, EqualsJava) {
  EXPECT_EQ(static_cast<int32_t>(Murmur2("21")), -973932308);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("foobar")), -790332482);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")),
            -58897971);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("abc")), 479470107);
}

TEST(PartitionOfKey, ClearsTheSignAsJavaDoes) {
  EXPECT_EQ(PartitionOfKey("foobar", 1000), (-790332482 & 0x7fffffff) % 1000);
  EXPECT_EQ(PartitionOfKey("abc", 7), 479470107 % 7);
  EXPECT_EQ(PartitionOfKey("anything", 1), 0);
}

TEST(EmitBuffer, AKeyDecidesThePartition) {
  EmitBuffer buffer;
  ASSERT_EQ(buffer.Add({.event = 0}, {.key = "abc"}, kLimits), EmitStatus::kOk);
  EXPECT_EQ(buffer.all()[0].partition, 479470107 % 4);
}

TEST(EmitBuffer, WithoutAKeyTheInputPartitionModuloTheCountDecides) {
  EmitBuffer buffer;
  ASSERT_EQ(buffer.Add({.partition = 7}, {.value = "v"}, kLimits), EmitStatus::kOk);
  EXPECT_EQ(buffer.all()[0].partition, 3);
}

TEST(EmitBuffer, AnEmptyKeyIsAKey) {
  EmitBuffer buffer;
  ASSERT_EQ(buffer.Add({.partition = 7}, {.key = ""}, kLimits), EmitStatus::kOk);
  EXPECT_EQ(buffer.all()[0].partition, PartitionOfKey("", 4));
  EXPECT_FALSE(buffer.all()[0].key.is_null());
  EXPECT_TRUE(buffer.all()[0].value.is_null());
}

TEST(EmitBuffer, AnExplicitPartitionMustExist) {
  EmitBuffer buffer;
  EXPECT_EQ(buffer.Add({}, {.partition = 3}, kLimits), EmitStatus::kOk);
  EXPECT_EQ(buffer.Add({}, {.partition = 4}, kLimits), EmitStatus::kNoSuchPartition);
  EXPECT_EQ(buffer.Add({}, {.partition = -2}, kLimits), EmitStatus::kNoSuchPartition);
}

TEST(EmitBuffer, ATopicWithoutKnownPartitionsIsNamedSo) {
  EmitBuffer buffer;
  EXPECT_EQ(buffer.Add({}, {.output = 1}, kLimits), EmitStatus::kTopicUnknown);
}

TEST(EmitBuffer, ARecordOverTheMessageSizeFails) {
  EmitBuffer buffer;
  const std::string fits(2000 - kIdBytesMax, 'x');
  const std::string over(2001 - kIdBytesMax, 'x');
  EXPECT_EQ(buffer.Add({}, {.value = fits}, kLimits), EmitStatus::kOk);
  EXPECT_EQ(buffer.Add({}, {.value = over}, kLimits), EmitStatus::kTooLarge);
  const HeaderView header{"x", "y"};
  EXPECT_EQ(buffer.Add({}, {.value = fits, .headers = {&header, 1}}, kLimits),
            EmitStatus::kTooLarge);
}

TEST(EmitBuffer, RecordsAreGivenByEventAndThoseLeftOutAreSkipped) {
  EmitBuffer buffer;
  buffer.Add({.event = 2}, {.value = "c0"}, kLimits);
  buffer.Add({.event = 0}, {.value = "a0"}, kLimits);
  buffer.Add({.event = 1}, {.value = "b0"}, kLimits);
  buffer.Add({.event = 0}, {.value = "a1"}, kLimits);
  buffer.SortByEvent();
  EXPECT_EQ(buffer.Next(0)->value, Slice("a0"));
  const Emitted* second = buffer.Next(0);
  EXPECT_EQ(second->value, Slice("a1"));
  EXPECT_EQ(second->index, 1u);
  EXPECT_EQ(buffer.Next(0), nullptr);
  EXPECT_EQ(buffer.Next(2)->value, Slice("c0"));
  EXPECT_EQ(buffer.Next(2), nullptr);
}

TEST(EmitBuffer, IndexesBeginAnewAfterClear) {
  EmitBuffer buffer;
  buffer.Add({}, {.value = "1"}, kLimits);
  buffer.Clear();
  buffer.Add({}, {.value = "2"}, kLimits);
  EXPECT_EQ(buffer.all().size(), 1u);
  EXPECT_EQ(buffer.all()[0].index, 0u);
}

TEST(EmitBuffer, CopiesKeyValueAndHeaders) {
  EmitBuffer buffer;
  std::string key = "key";
  std::string name = "name";
  const HeaderView header{Slice(name), Slice()};
  buffer.Add({.timestamp_ms = 5}, {.key = key, .headers = {&header, 1}}, kLimits);
  key = "xxx";
  name = "yyyy";
  const Emitted& emitted = buffer.all()[0];
  EXPECT_EQ(emitted.key, Slice("key"));
  EXPECT_EQ(emitted.timestamp_ms, 5);
  EXPECT_EQ(buffer.headers(emitted)[0].name, Slice("name"));
  EXPECT_TRUE(buffer.headers(emitted)[0].value.is_null());
}

}  // namespace
}  // namespace millrace::effects
