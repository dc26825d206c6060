// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdlib>

#include "unit/config/config_files.h"

namespace millrace::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class FunctionConfigTest : public ConfigTest {
 protected:
  // `config` is written as one line of YAML.
  std::map<std::string, std::string> Config(const std::string& config) const {
    const auto loaded = Load(
        "functions:\n  f:\n    triggers: [{ kafka: { topic: in } }]\n    config: " + config + "\n");
    if (loaded) return loaded->functions[0].config;
    ADD_FAILURE() << ToString(loaded.error()[0]);
    return {};
  }
};

TEST_F(FunctionConfigTest, ScalarsAreTextAndSubtreesAreJson) {
  EXPECT_THAT(Config("{ window: { size: 1, unit: day }, flag: True, list: [1, a, { b: null }] }"),
              UnorderedElementsAre(Pair("window", R"({"size":1,"unit":"day"})"),
                                   Pair("window.size", "1"), Pair("window.unit", "day"),
                                   Pair("flag", "true"), Pair("list", R"([1,"a",{"b":null}])")));
}

TEST_F(FunctionConfigTest, JsonKeepsTheTypesOfYaml) {
  EXPECT_THAT(
      Config(
          "{ x: [1, -2, +3, 007, 0x1F, 0o17, .5, 1., 1.10, 1e3, 18446744073709551616, .inf, yes, "
          "\"1\", 'true', TRUE, ~, 1.2.3, -, '\"'] }"),
      ElementsAre(Pair("x", R"([1,-2,3,7,31,15,0.5,1,1.10,1e3,18446744073709551616,".inf","yes",)"
                            R"("1","true",true,null,"1.2.3","-","\""])")));
}

TEST_F(FunctionConfigTest, NullsAreAbsentAndEmptyMapsAreThere) {
  EXPECT_THAT(Config("{ a: null, b: {}, c: [], d: '' }"),
              ElementsAre(Pair("b", "{}"), Pair("c", "[]"), Pair("d", "")));
}

TEST_F(FunctionConfigTest, TwoKeysForOnePathAreRefused) {
  EXPECT_THAT(ErrorsOfFunction("config: { a.b: 1, a: { b: 2 } }"),
              ElementsAre("two keys lead to \"a.b\" in functions.f.config"));
}

TEST_F(FunctionConfigTest, ValuesComeFromEnvironmentAndFiles) {
  setenv("MILLRACE_TEST_SECRET", "12", 1);
  const std::string file = Write("secret", "hunter2\r\n");
  EXPECT_THAT(Config("{ a: { b#env: MILLRACE_TEST_SECRET }, l: [{ k#file: " + file + " }] }"),
              UnorderedElementsAre(Pair("a", R"({"b":"12"})"), Pair("a.b", "12"),
                                   Pair("l", R"([{"k":"hunter2"}])")));
  const auto config =
      Load("kafka: { sasl.password#file: " + file + " }\nredis: { url#env: MILLRACE_TEST_URL }\n");
  EXPECT_FALSE(config);
  setenv("MILLRACE_TEST_URL", "redis://:x@h", 1);
  const auto again =
      Load("kafka: { sasl.password#file: " + file + " }\nredis: { url#env: MILLRACE_TEST_URL }\n");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->kafka.at("sasl.password"), "hunter2");
  EXPECT_EQ(again->redis_url, "redis://:x@h");
}

TEST_F(FunctionConfigTest, SecretsThatCannotBeHadAreNamed) {
  unsetenv("MILLRACE_TEST_UNSET");
  EXPECT_THAT(ErrorsOfFunction("config: { k#env: MILLRACE_TEST_UNSET }"),
              ElementsAre("k#env: environment variable \"MILLRACE_TEST_UNSET\" is not set"));
  EXPECT_THAT(ErrorsOfFunction("config: { k#env: not a name }"),
              ElementsAre("k#env needs the name of an environment variable"));
  EXPECT_THAT(ErrorsOfFunction("config: { k#file: /none }"),
              ElementsAre("k#file: the file cannot be read: No such file or directory"));
  EXPECT_THAT(ErrorsOfFunction("config: { k#file: /dev/zero }"),
              ElementsAre("k#file: the file is not a regular file"));
  EXPECT_THAT(ErrorsOfFunction("config: { k#file: [a] }"),
              ElementsAre("k#file needs the path of a file"));
  EXPECT_THAT(ErrorsOfFunction("lanes#env: LANES"), ElementsAre(HasSubstr("takes no #env")));
  setenv("MILLRACE_TEST_URL", "http://hunter2", 1);
  const auto errors = ErrorsOf("redis: { url#env: MILLRACE_TEST_URL }");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace millrace::config
