// SPDX-License-Identifier: Apache-2.0
#include "commit/redo.h"

#include <gmock/gmock.h>

namespace millrace::commit {
namespace {

const std::vector<std::string> kStates = {"totals", "names"};

std::string Packed() {
  RedoWriter writer(&kStates);
  writer.Add({.state = 0, .key = "key", .value = "value"});
  writer.Add({.state = 1, .key = "", .value = ""});
  writer.Add({.state = 1, .key = Slice("\0\n", 2), .value = {}});
  return writer.Finish();
}

TEST(RedoTest, GivesBackWhatWasPacked) {
  const std::string packed = Packed();
  RedoReader reader{Slice(packed)};
  EXPECT_EQ(reader.states(), kStates);
  const RedoCell* cell = reader.Next();
  ASSERT_TRUE(cell);
  EXPECT_EQ(cell->state, 0u);
  EXPECT_EQ(cell->key, Slice("key"));
  EXPECT_EQ(cell->value, Slice("value"));
  cell = reader.Next();
  ASSERT_TRUE(cell);
  EXPECT_EQ(cell->state, 1u);
  EXPECT_EQ(cell->key, Slice(""));
  EXPECT_EQ(cell->value, Slice("")) << "empty is not erased";
  cell = reader.Next();
  ASSERT_TRUE(cell);
  EXPECT_EQ(cell->key, Slice("\0\n", 2));
  EXPECT_TRUE(cell->value.is_null());
  EXPECT_FALSE(reader.Next());
  EXPECT_FALSE(reader.damaged());
}

TEST(RedoTest, NothingAddedPacksNothingAndAFinishedWriterBeginsAnew) {
  RedoWriter writer(&kStates);
  EXPECT_TRUE(writer.Finish().empty());
  writer.Add({.state = 0, .key = "a", .value = std::string(70'000, 'x')});
  const std::string first = writer.Finish();
  EXPECT_TRUE(IsRedoEntry(Slice(first)));
  EXPECT_TRUE(writer.Finish().empty());
  writer.Add({.state = 0, .key = "a", .value = "1"});
  EXPECT_LT(writer.Finish().size(), 40u);
}

TEST(RedoTest, ACellTakesThreeBytesBesideKeyAndValue) {
  RedoWriter writer(&kStates);
  writer.Add({.state = 1, .key = "key-12345", .value = "0123456789abcdef"});
  const size_t one = writer.Finish().size();
  writer.Add({.state = 1, .key = "key-12345", .value = "0123456789abcdef"});
  writer.Add({.state = 1, .key = "key-12345", .value = "0123456789abcdef"});
  EXPECT_EQ(writer.Finish().size() - one, 9u + 16u + 3u);
}

TEST(RedoTest, EveryTruncationIsDamaged) {
  const std::string packed = Packed();
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(IsRedoEntry(Slice(packed.data(), size))) << size;
  }
  EXPECT_TRUE(IsRedoEntry(Slice(packed)));
  EXPECT_FALSE(IsRedoEntry(Slice(packed + "x")));
}

TEST(RedoTest, FlippedBytesAreReadWithinBounds) {
  const std::string packed = Packed();
  for (size_t at = 0; at < packed.size(); ++at) {
    std::string flipped = packed;
    flipped[at] = static_cast<char>(~flipped[at]);
    IsRedoEntry(Slice(flipped));  // reading outside is what a sanitizer would see
  }
}

}  // namespace
}  // namespace millrace::commit
