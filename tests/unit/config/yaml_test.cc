// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "config/file.h"
#include "config/key_table.h"
#include "config/yaml_tree.h"
#include "unit/config/config_files.h"

namespace millrace::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(ConfigTest, SyntaxErrorHasFileLineAndColumn) {
  EXPECT_THAT(ErrorsOf("host:\n  id: [a\n"),
              ElementsAre(HasSubstr("millrace.yaml:3:1: error: not valid YAML: ")));
  EXPECT_THAT(ErrorsOf("host:\n\tid: a\n"), ElementsAre(HasSubstr("millrace.yaml:2:")));
  EXPECT_THAT(ErrorsOf("host: {}\n]\n"), SizeIs(1));
  EXPECT_THAT(ErrorsOf("[1]\n}\n"), SizeIs(1));
}

TEST_F(ConfigTest, ErrorsBeforeASyntaxErrorAreFoundToo) {
  EXPECT_THAT(ErrorsOf("hots: {}\n---\na: [\n"), SizeIs(2));
}

TEST_F(ConfigTest, AliasesTagsAndMergeKeysAreRefused) {
  EXPECT_THAT(ErrorsOfFunction("config:\n      a: &x { b: 1 }\n      c: *x"),
              ElementsAre("aliases (*name) are not supported; write the value again"));
  EXPECT_THAT(ErrorsOfFunction("config: { a: *x }"), SizeIs(1));
  EXPECT_THAT(ErrorsOfFunction("config: { <<: { b: 1 } }"), ElementsAre(HasSubstr("merge keys")));
  EXPECT_THAT(ErrorsOfFunction("config: { a: !!str 1 }"), ElementsAre(HasSubstr("tags (!name)")));
  EXPECT_THAT(ErrorsOfFunction("config: { a: !x [1] }"), SizeIs(1));
  EXPECT_THAT(ErrorsOfFunction("config: { [a]: 1 }"), ElementsAre(HasSubstr("a key must be")));
  EXPECT_THAT(ErrorsOfFunction("config: { '': 1 }"), ElementsAre(HasSubstr("a key must be")));
}

TEST_F(ConfigTest, TextThatIsNotTextIsRefused) {
  EXPECT_THAT(ErrorsOf(std::string("host:\n  id: \x04\n")), ElementsAre(HasSubstr("yaml:2:7:")));
  EXPECT_THAT(ErrorsOf(std::string("a\0b", 3)), SizeIs(1));
  EXPECT_THAT(ErrorsOf("host: { id: \"\xff\" }"), ElementsAre(HasSubstr("not UTF-8")));
  EXPECT_THAT(ErrorsOf("host: { functions_dir: \"a\\0b\" }"), ElementsAre(HasSubstr("NUL")));
  EXPECT_THAT(ErrorsOf("\xef\xbb\xbfhost: { id: a }\r\n"), IsEmpty());
}

TEST_F(ConfigTest, HostileFilesAreRefusedQuickly) {
  const auto repeat = [](const std::string& text, size_t times) {
    std::string all;
    for (size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  EXPECT_THAT(ErrorsOf(std::string(kConfigBytesMax + 1, '#')), ElementsAre(HasSubstr("larger")));
  EXPECT_THAT(ErrorsOf(std::string(kConfigBytesMax, '#')), IsEmpty());
  for (const std::string& text :
       {repeat("[", 300'000), repeat("{a: ", 100'000), repeat("- ", 100'000), repeat("? ", 100'000),
        "[" + repeat("a, ", 300'000) + "]"}) {
    EXPECT_THAT(ErrorsOf(text), SizeIs(1));
  }
  EXPECT_THAT(ErrorsOf(repeat("---\n", 200'000)), IsEmpty());
  EXPECT_THAT(ErrorsOf(repeat("? a\n", 90'000)), SizeIs(kErrorsMax + 1));
  EXPECT_THAT(ErrorsOf("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"), SizeIs(7));
}

TEST_F(ConfigTest, FunctionsAndTopicsOfOneHostAreBounded) {
  std::string text = "functions:\n";
  for (size_t i = 0; i <= kFunctionsMax; ++i) {
    text += "  f" + std::to_string(i) + ": { triggers: [{ kafka: { topic: x } }] }\n";
  }
  EXPECT_THAT(Without(ErrorsOf(text)), ElementsAre("more than 1000 functions in one host"));
  std::string topics;
  for (size_t i = 0; i <= kTopicsMax; ++i) topics += "t" + std::to_string(i) + ",";
  EXPECT_THAT(Without(ErrorsOf("functions: { f: { triggers: [{ kafka: { topics: [" + topics +
                               "] } }] } }")),
              ElementsAre("functions.f has more than 1000 topics"));
}

TEST_F(ConfigTest, MessagesStayOneLine) {
  const auto errors = ErrorsOf("\"a\\nb\\e[2J\": 1\n");
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_THAT(errors[0], HasSubstr("unknown key \"a?b?[2J\""));
}

}  // namespace
}  // namespace millrace::config
