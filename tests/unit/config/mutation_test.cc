// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "unit/config/config_files.h"

namespace millrace::config {
namespace {

constexpr int kMutations = 2000;
constexpr unsigned kSeed = 20'150'912;

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  // `text` with 1 to 8 random edits.
  std::string Mutate(std::string text) {
    for (size_t edits = 1 + Below(8); edits > 0; --edits) Edit(&text);
    return text;
  }

 private:
  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }

  void Edit(std::string* text) {
    static constexpr std::string_view kPieces[] = {
        "[",    "]",     "{",  "}",    ":",     ": ",   "- ",    "? ",   "\n",    "\t",
        "#",    "\"",    "'",  "&a ",  "*a",    "!!x ", "|\n",   ">-\n", "---\n", "...",
        "%Y\n", "<<: ",  "\\", "\x04", "\xff",  "é",    "\r",    "~",    "null",  "#env: ",
        "-1",   "1e999", ",",  "  ",   "kafka", "0x",   "#file", "@",    "`",     "\\u0000"};
    const size_t at = Below(text->size());
    const size_t length = Below(24);
    switch (Below(5)) {
      case 0:
        text->erase(at, length);
        break;
      case 1:
        text->insert(at, kPieces[Below(std::size(kPieces))]);
        break;
      case 2:
        text->insert(Below(text->size()), text->substr(at, length * 10));
        break;
      case 3:
        if (!text->empty()) (*text)[at] = static_cast<char>(Below(256));
        break;
      default:
        text->resize(at);
        break;
    }
  }

  std::mt19937 random_;
};

TEST_F(ConfigTest, MutatedReferenceLoadsOrIsRefusedWithPlaces) {
  // Without its comments, so that edits hit settings.
  std::string reference;
  std::istringstream lines(ReadWhole(SourceTree() / "config/reference.yaml"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find('#') == std::string::npos) reference += line + "\n";
  }
  Mutator mutator(kSeed);
  int refused = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string text = mutator.Mutate(reference);
    const auto config = Load(text);
    if (config) continue;
    ++refused;
    ASSERT_FALSE(config.error().empty()) << text;
    ASSERT_LE(config.error().size(), kErrorsMax + 1);
    for (const ConfigError& error : config.error()) {
      ASSERT_FALSE(error.what.empty());
      ASSERT_GE(error.line, 0);
      ASSERT_EQ(ToString(error).find('\n'), std::string::npos) << text;
    }
  }
  EXPECT_GT(refused, kMutations / 2);
}

}  // namespace
}  // namespace millrace::config
