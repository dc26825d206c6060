// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <millrace/function.h>

#include <string>
#include <string_view>

namespace millrace {
namespace {

struct Pair {
  int64_t a, b;
};

TEST(Bytes, OnlyNullIsNull) {
  EXPECT_TRUE(Bytes(kNull).is_null());
  EXPECT_FALSE(Bytes("").is_null());
  EXPECT_FALSE(Bytes(std::string_view{}).is_null());
  EXPECT_FALSE(Bytes(std::string()).is_null());
  EXPECT_FALSE(Bytes(kNull) == Bytes(""));
  EXPECT_TRUE(Bytes("a") == "a");
}

TEST(Bytes, NullReadsAsEmptyText) {
  const std::string_view text = Bytes(kNull);
  EXPECT_EQ(text, "");
  EXPECT_EQ(Bytes(kNull).slice().data, nullptr);
  EXPECT_NE(Bytes("").slice().data, nullptr);
}

TEST(Codec, TriviallyCopyableTypesComeBackAsTheyWere) {
  const Pair back = Codec<Pair>::Decode(Codec<Pair>::Encode({7, -9}));
  EXPECT_EQ(back.a, 7);
  EXPECT_EQ(back.b, -9);
  EXPECT_EQ(Codec<double>::Decode(Codec<double>::Encode(0.5)), 0.5);
}

TEST(Codec, BytesOfAnotherSizeAreRefused) {
  EXPECT_THROW(Codec<int64_t>::Decode("abc"), std::runtime_error);
}

TEST(Codec, StringsAreTheirBytes) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(Codec<std::string>::Encode(text), text);
  EXPECT_EQ(Codec<std::string>::Decode(text), text);
}

TEST(Note, SaysWhatTheLibraryListsInAFixedOrder) {
  constexpr auto kItems = [] {
    return detail::Declare(SuggestedTopic{"a"}, Output{"out"}, Value<int>{"n"},
                           Map<std::string, int>{"m"}, StateVersion{3, 2}, SuggestedTopic{"b"});
  };
  EXPECT_EQ(detail::NoteText<kItems>("some-name"),
            "abi 1.2\nname some-name\nstate_version 3 2\nuse output out\nuse value n\nuse map m\n"
            "trigger kafka topic=a topic=b\n");
}

TEST(Note, NameOverridesTheTargets) {
  constexpr auto kItems = [] { return detail::Declare(Name{"mine"}); };
  EXPECT_EQ(detail::NoteText<kItems>("target"), "abi 1.2\nname mine\nstate_version 1 1\n");
}

TEST(Use, AStateAndAnOutputMayShareAName) {
  EXPECT_NE(Value<int>{"x"}.id, Output{"x"}.id);
  EXPECT_NE((Map<int, int>{"x"}.id), Output{"x"}.id);
}

}  // namespace
}  // namespace millrace
