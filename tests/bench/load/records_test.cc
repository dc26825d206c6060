// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <xxhash.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "fill.h"
#include "record.h"
#include "topic_check.h"

namespace millrace::load {
namespace {

FillSpec SpecOf(int64_t records, int64_t keys) {
  FillSpec spec;
  spec.records = records;
  spec.record = {.keys = keys, .bytes = 40, .seed = 7};
  return spec;
}

struct Bytes {
  std::string key;
  std::string value;
};

Bytes BytesOf(const RecordSpec& spec, int64_t index) {
  const Records records(spec);
  Bytes bytes{std::string(bench::kKeyBytes, '?'), std::string(records.value_bytes(), '?')};
  records.Write(index, records.Head(index), bytes.key.data(), bytes.value.data());
  return bytes;
}

std::string LittleEndian(uint64_t number) {
  std::string bytes;
  for (int i = 0; i < 8; ++i, number >>= 8) bytes += static_cast<char>(number & 0xff);
  return bytes;
}

std::string Hex(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(number));
  return text;
}

uint64_t Hash(const std::string& bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// Reads the bytes as another engine would and adds up by strings.
struct Naive {
  std::map<std::string, std::pair<int64_t, int64_t>> totals;
  std::vector<Bytes> outputs;

  void Take(const Bytes& input) {
    int64_t amount = 0;
    for (int i = 7; i >= 0; --i) {
      amount = amount * 256 + static_cast<unsigned char>(input.value[8 + static_cast<size_t>(i)]);
    }
    auto& [count, sum] = totals[input.key];
    count += 1;
    sum += amount;
    outputs.push_back({input.key, LittleEndian(static_cast<uint64_t>(count)) +
                                      LittleEndian(static_cast<uint64_t>(sum)) +
                                      input.value.substr(0, 8)});
  }
  std::string Digest() const {
    uint64_t digest = 0;
    for (const Bytes& output : outputs) digest += Hash(output.key + output.value);
    return Hex(digest);
  }
  std::string FinalDigest() const {
    uint64_t digest = 0;
    for (const auto& [key, total] : totals) {
      digest += Hash(key + LittleEndian(static_cast<uint64_t>(total.first)) +
                     LittleEndian(static_cast<uint64_t>(total.second)));
    }
    return Hex(digest);
  }
};

CheckResult CheckOf(Cell cell, const std::vector<Bytes>& outputs) {
  TopicCheck check(cell);
  for (const Bytes& output : outputs) {
    check.Add(0, output.key.data(), output.key.size(), output.value.data(), output.value.size());
  }
  return check.Result();
}

Bytes TotalBytes(const std::string& key, int64_t count, int64_t sum) {
  const auto bytes = Total{.count = count, .sum = sum, .tag = 5}.Bytes();
  return {key, std::string(bytes.data(), bytes.size())};
}

TEST(RecordsTest, ARecordIsKeyTagAmountAndLetters) {
  const RecordSpec spec{.keys = 1, .bytes = 1000, .seed = 3};
  const Bytes bytes = BytesOf(spec, 0x0102);
  EXPECT_EQ(bytes.key, "k000000000");
  ASSERT_EQ(bytes.value.size(), 990u);
  EXPECT_EQ(bytes.value.substr(0, 8), std::string("\2\1\0\0\0\0\0\0", 8));
  EXPECT_LT(Records(spec).Head(0x0102).amount, 1000);
  EXPECT_EQ(bytes.value.substr(10, 6), std::string(6, '\0'));
  for (const char letter : bytes.value.substr(16)) EXPECT_TRUE(letter >= 'a' && letter <= 'z');
}

TEST(RecordsTest, TheSmallestRecordHasNoFiller) {
  EXPECT_EQ(BytesOf({.keys = 9, .bytes = kRecordBytesMin, .seed = 1}, 4).value.size(), 16u);
}

TEST(RecordsTest, TheSeedDecides) {
  const RecordSpec spec{.keys = 1000, .bytes = 100, .seed = 1};
  RecordSpec other = spec;
  other.seed = 2;
  EXPECT_EQ(BytesOf(spec, 17).value, BytesOf(spec, 17).value);
  EXPECT_NE(BytesOf(spec, 17).value, BytesOf(other, 17).value);
  EXPECT_NE(BytesOf(spec, 17).value.substr(16), BytesOf(spec, 18).value.substr(16));
}

TEST(RecordsTest, SequentialKeysTakeTurnsUntilTheRandomOnes) {
  const Records records({.keys = 3, .bytes = 40, .seed = 1, .sequential_until = 5});
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(records.Head(i).key, i % 3);
  std::map<int64_t, int> counts;
  for (int64_t i = 5; i < 3005; ++i) ++counts[records.Head(i).key];
  ASSERT_EQ(counts.size(), 3u);
  for (const auto& [key, count] : counts) EXPECT_NEAR(count, 1000, 120) << key;
}

TEST(ExpectationTest, EqualsASecondWayToAddUp) {
  const FillSpec spec = SpecOf(50, 7);
  Naive naive;
  uint64_t passed = 0;
  for (int64_t i = 0; i < spec.records; ++i) {
    const Bytes input = BytesOf(spec.record, i);
    naive.Take(input);
    passed += Hash(input.key + input.value);
  }
  const Expected expected = Expect(spec);
  EXPECT_EQ(expected.records, 50);
  EXPECT_EQ(expected.keys_used, 7);
  EXPECT_EQ(expected.aggregate_digest, naive.Digest());
  EXPECT_EQ(expected.aggregate_final_digest, naive.FinalDigest());
  EXPECT_EQ(expected.pass_through_digest, Hex(passed));
  const CheckResult checked = CheckOf(Cell::kAggregate, naive.outputs);
  EXPECT_EQ(checked.digest, expected.aggregate_digest);
  EXPECT_EQ(checked.final_digest, expected.aggregate_final_digest);
  EXPECT_EQ(checked.distinct_keys, 7);
  EXPECT_EQ(checked.out_of_order + checked.repeated + checked.moved_keys, 0);
}

TEST(ExpectationTest, FewerRecordsAreAPrefix) {
  const FillSpec spec = SpecOf(10, 4);
  FillSpec tail = spec;
  tail.records = 1;
  tail.first_tag = 10;
  FillSpec longer = spec;
  longer.records = 11;
  const auto number = [](const std::string& hex) { return std::stoull(hex, nullptr, 16); };
  EXPECT_EQ(number(Expect(longer).pass_through_digest),
            number(Expect(spec).pass_through_digest) + number(Expect(tail).pass_through_digest));
}

TEST(TopicCheckTest, ARepeatIsSeenByCountAndDigest) {
  const std::string key = "k000000001";
  const std::vector<Bytes> right = {TotalBytes(key, 1, 10), TotalBytes(key, 2, 15),
                                    TotalBytes(key, 3, 15)};
  std::vector<Bytes> again = right;
  again.insert(again.end(), {right[1], right[2]});
  const CheckResult result = CheckOf(Cell::kAggregate, again);
  EXPECT_EQ(result.out_of_order, 1);
  EXPECT_EQ(result.repeated, 2);
  EXPECT_EQ(result.final_digest, CheckOf(Cell::kAggregate, right).final_digest);
  EXPECT_NE(result.digest, CheckOf(Cell::kAggregate, right).digest);
}

TEST(TopicCheckTest, AGapIsOutOfOrder) {
  const CheckResult result =
      CheckOf(Cell::kAggregate, {TotalBytes("k000000001", 1, 1), TotalBytes("k000000001", 3, 1)});
  EXPECT_EQ(result.out_of_order, 1);
  EXPECT_EQ(result.repeated, 0);
}

TEST(TopicCheckTest, AKeyInTwoPartitionsHasMoved) {
  TopicCheck check(Cell::kPassThrough);
  const std::string key = "k000000009";
  for (const int32_t partition : {0, 1, 1}) check.Add(partition, key.data(), key.size(), "v", 1);
  EXPECT_EQ(check.Result().moved_keys, 1);
  EXPECT_EQ(check.Result().distinct_keys, 1);
}

TEST(TopicCheckTest, RefusesWhatIsNoOutputOfTheCell) {
  EXPECT_ANY_THROW(CheckOf(Cell::kPassThrough, {{"key", "value"}}));
  EXPECT_ANY_THROW(CheckOf(Cell::kAggregate, {{"k000000001", "value"}}));
}

}  // namespace
}  // namespace millrace::load
