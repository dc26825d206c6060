// SPDX-License-Identifier: Apache-2.0
#include "process/packing.h"

#include <gtest/gtest.h>

namespace millrace::process {
namespace {

enum class Colour { kRed, kBlue };

struct Inner {
  std::string text;
  std::optional<std::string> bytes;
  friend bool operator==(const Inner&, const Inner&) = default;
};

struct Outer {
  int32_t number = 0;
  double part = 0;
  bool flag = false;
  Colour colour = Colour::kRed;
  std::chrono::milliseconds wait{0};
  std::vector<Inner> inners;
  std::map<std::string, int64_t> numbers;
  std::variant<int, Inner> either;
  friend bool operator==(const Outer&, const Outer&) = default;
};

Outer Full() {
  return {.number = -7,
          .part = 0.25,
          .flag = true,
          .colour = Colour::kBlue,
          .wait = std::chrono::milliseconds(1500),
          .inners = {{"a", std::nullopt}, {std::string("\0\xff", 2), ""}},
          .numbers = {{"x", 1}, {"", -1}},
          .either = Inner{"b", "c"}};
}

TEST(Packing, EveryKindOfValueComesBackAsItWas) {
  EXPECT_EQ(Unpack<Outer>(Pack(Full())), Full());
  EXPECT_EQ(Unpack<Outer>(Pack(Outer{})), Outer{});
}

TEST(Packing, NoPartOfAMessageIsTakenForTheWhole) {
  const std::string packed = Pack(Full());
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(Unpack<Outer>(packed.substr(0, size))) << size;
  }
  EXPECT_FALSE(Unpack<Outer>(packed + "x"));
}

TEST(Packing, DamagedBytesTakeNoMoreMemoryThanThereIs) {
  const std::string packed = Pack(Full());
  for (size_t at = 0; at < packed.size(); ++at) {
    for (const char byte : {'\x00', '\x7f', '\xff'}) {
      std::string damaged = packed;
      damaged[at] = byte;
      const auto value = Unpack<Outer>(damaged);  // must come back, whatever it is
      if (!value) continue;
      EXPECT_LE(value->inners.size(), packed.size());
    }
  }
  EXPECT_FALSE(Unpack<std::string>(Pack(SIZE_MAX)));
  EXPECT_FALSE(Unpack<std::vector<Inner>>(Pack(SIZE_MAX)));
  EXPECT_FALSE((Unpack<std::variant<int, Inner>>(Pack(size_t{2}))));
}

}  // namespace
}  // namespace millrace::process
