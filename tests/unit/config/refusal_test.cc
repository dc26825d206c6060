// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>

#include "config/key_table.h"
#include "unit/config/config_files.h"

namespace millrace::config {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(ConfigTest, MisspelledKeyIsNamedWithPlaceAndSuggestion) {
  EXPECT_THAT(ErrorsOf("functions:\n  f:\n    triggers: [{ kafka: { topics: [a] } }]\n    lane: 2\n"
                       "    batch: { max_recrods: 5 }\n"),
              ElementsAre("millrace.yaml:4:5: error: unknown key \"lane\" in functions.f (did you "
                          "mean \"lanes\"?)",
                          "millrace.yaml:5:14: error: unknown key \"max_recrods\" in "
                          "functions.f.batch (did you mean \"max_records\"?)"));
}

TEST_F(ConfigTest, KeyInTheWrongPlaceIsSentToTheRightOne) {
  EXPECT_THAT(Without(ErrorsOf("lanes: 2\nhost: { url: x }\n")),
              ElementsAre("unknown key \"lanes\" at the top level (it belongs under functions.*)",
                          "unknown key \"url\" in host (it belongs under redis)"));
}

TEST_F(ConfigTest, DuplicateKeyNamesTheFirst) {
  EXPECT_THAT(ErrorsOf("host: {}\nredis:\n  url: redis://a\n  url#env: X\nhost: {}\n"),
              ElementsAre("millrace.yaml:4:3: error: duplicate key \"url\", given before in line 3",
                          "millrace.yaml:5:1: error: duplicate key \"host\", given before in line "
                          "1"));
}

TEST_F(ConfigTest, WrongTypesAndRangesAreNamed) {
  EXPECT_THAT(ErrorsOfFunction("lanes: two"),
              ElementsAre("functions.f.lanes must be a whole number, not \"two\""));
  EXPECT_THAT(ErrorsOfFunction("lanes: \"2\""),
              ElementsAre("functions.f.lanes must be a whole number, not \"2\""));
  EXPECT_THAT(ErrorsOfFunction("lanes: 0"),
              ElementsAre("functions.f.lanes must be from 1 to 256, not \"0\""));
  EXPECT_THAT(ErrorsOfFunction("lanes: 99999999999999999999"), SizeIs(1));
  for (const std::string crashes : {"0", "101"}) {
    EXPECT_THAT(
        ErrorsOfFunction("max_crashes: " + crashes),
        ElementsAre("functions.f.max_crashes must be from 1 to 100, not \"" + crashes + "\""));
  }
  EXPECT_THAT(ErrorsOfFunction("batch: 5"),
              ElementsAre("functions.f.batch must be a map of settings, not \"5\""));
  EXPECT_THAT(ErrorsOfFunction("library: [a]"),
              ElementsAre("functions.f.library must be one value, not a list"));
  EXPECT_THAT(ErrorsOfFunction("library: ''"),
              ElementsAre("functions.f.library must not be empty"));
  EXPECT_THAT(Without(ErrorsOf("[1, 2]")),
              ElementsAre("the document must be a map of settings, not a list"));
  EXPECT_THAT(Without(ErrorsOf("functions: [f]")),
              ElementsAre("functions must be a map, not a list"));
}

TEST_F(ConfigTest, DurationsAndSizesSuggestWhatWasMeant) {
  EXPECT_THAT(ErrorsOfFunction("commit_interval: 100"),
              ElementsAre("functions.f.commit_interval must be a duration such as 250ms, 5s, 1m or "
                          "1h, not \"100\" (did you mean \"100ms\"?)"));
  EXPECT_THAT(ErrorsOfFunction("commit_interval: 1h"),
              ElementsAre("functions.f.commit_interval must be from 1ms to 1m, not \"1h\""));
  EXPECT_THAT(ErrorsOfFunction("cache_bytes: 64MB"),
              ElementsAre("functions.f.cache_bytes must be a size such as 4096, 64KiB, 1MiB or "
                          "1GiB, not \"64MB\" (did you mean \"64MiB\"?)"));
}

TEST_F(ConfigTest, WordsOutsideOfTheirListAreRefusedWithTheList) {
  EXPECT_THAT(ErrorsOfFunction("delivery: at_lest_once"),
              ElementsAre("functions.f.delivery must be at_least_once or exactly_once, not "
                          "\"at_lest_once\" (did you mean \"at_least_once\"?)"));
  EXPECT_THAT(ErrorsOfFunction("on_state_loss: rebuilt"),
              ElementsAre("functions.f.on_state_loss must be fail, rebuild or empty, not "
                          "\"rebuilt\" (did you mean \"rebuild\"?)"));
  EXPECT_THAT(ErrorsOfFunction("on_retention_loss: empty"),
              ElementsAre("functions.f.on_retention_loss must be fail or skip, not \"empty\""));
  EXPECT_THAT(ErrorsOfFunction("on_offset_reset: [applied]"),
              ElementsAre("functions.f.on_offset_reset must be one value, not a list"));
}

TEST_F(ConfigTest, DeduplicateIsTrueOrFalseInATrigger) {
  const auto errors_of = [this](const std::string& value) {
    return Without(ErrorsOf(
        "functions: { f: { triggers: [{ kafka: { topic: in, deduplicate: " + value + " } }] } }"));
  };
  EXPECT_THAT(errors_of("True"), IsEmpty());
  for (const std::string wrong : {"yes", "\"true\"", "1"}) {
    EXPECT_THAT(errors_of(wrong),
                ElementsAre(HasSubstr("functions.f.triggers.kafka.deduplicate must be true or "
                                      "false, not ")));
  }
  EXPECT_THAT(ErrorsOfFunction("deduplicate: true"),
              ElementsAre("unknown key \"deduplicate\" in functions.f (it belongs under "
                          "functions.*.triggers.kafka)"));
}

TEST_F(ConfigTest, BadNamesAreRefused) {
  const std::string trigger = ": { triggers: [{ kafka: { topic: x } }] }\n";
  EXPECT_THAT(Without(ErrorsOf("functions:\n  Page_Edits" + trigger)),
              ElementsAre("the function's name must be 1 to 63 of a-z, 0-9 and -, not beginning "
                          "with -, not \"Page_Edits\""));
  EXPECT_THAT(ErrorsOf("functions:\n  -a" + trigger), SizeIs(1));
  EXPECT_THAT(ErrorsOf("functions:\n  " + std::string(64, 'a') + trigger), SizeIs(1));
  EXPECT_THAT(ErrorsOf("functions:\n  " + std::string(63, 'a') + trigger), IsEmpty());
  EXPECT_THAT(ErrorsOf("host: { namespace: Shop }"), SizeIs(1));
  EXPECT_THAT(ErrorsOfFunction("group: a b"), SizeIs(1));
  EXPECT_THAT(ErrorsOfFunction("outputs: { Out: t }"), SizeIs(1));
  EXPECT_THAT(ErrorsOfFunction("outputs: { out: a/b }"), SizeIs(1));
}

TEST_F(ConfigTest, TriggersAreCheckedWhole) {
  const auto errors_of = [this](const std::string& triggers) {
    return Without(ErrorsOf("functions:\n  f:\n    triggers: " + triggers));
  };
  EXPECT_THAT(Without(ErrorsOf("functions: { f: }")),
              ElementsAre(HasSubstr("functions.f.triggers is missing; name the input topics")));
  EXPECT_THAT(errors_of("[]"),
              ElementsAre("functions.f.triggers must be a list with at least one trigger"));
  EXPECT_THAT(errors_of("[{ kafak: {} }]"),
              ElementsAre("unknown kind of trigger \"kafak\" in functions.f.triggers (did you mean "
                          "\"kafka\"?)"));
  EXPECT_THAT(errors_of("[{ kafka: }]"), ElementsAre("functions.f.triggers.kafka needs topics"));
  EXPECT_THAT(errors_of("[{ kafka: { topics: a } }]"),
              ElementsAre("functions.f.triggers.kafka.topics must be a list of topics (did you "
                          "mean \"[a]\"?)"));
  EXPECT_THAT(errors_of("[{ kafka: { topics: [] } }]"), SizeIs(1));
  EXPECT_THAT(errors_of("[{ kafka: { topic: a, topics: [b] } }]"),
              ElementsAre("give either topic or topics, not both"));
  EXPECT_THAT(errors_of("[{ kafka: { topic: a } }, { kafka: { topics: [b, a] } }]"),
              ElementsAre("topic \"a\" comes twice in functions.f"));
  EXPECT_THAT(errors_of("[{ kafka: { topic: ^a } }]"), SizeIs(1));
  EXPECT_THAT(errors_of("[{ kafka: { topic: a, start: earlist } }]"),
              ElementsAre(HasSubstr("not \"earlist\" (did you mean \"earliest\"?)")));
  EXPECT_THAT(errors_of("[{ kafka: { topic: a, start: 2015-02-30T00:00:00Z } }]"), SizeIs(1));
  EXPECT_THAT(errors_of("[{ kafka: { topic: a, start: { timestamp: 1 } } }]"), SizeIs(1));
  EXPECT_THAT(errors_of("[{ kafka: { topic: a, filter: { header: kind } } }]"),
              ElementsAre("functions.f.triggers.kafka.filter.equals is missing"));
}

TEST_F(ConfigTest, KeysOfVersionsToComeAreRefusedByName) {
  for (const std::string_view key : LaterKeys()) {
    const auto config = Load("functions:\n  f:\n    triggers: [{ kafka: { topic: in } }]\n    " +
                             std::string(key) + ": 1\n");
    ASSERT_FALSE(config) << key;
    ASSERT_THAT(config.error(), SizeIs(1));
    EXPECT_EQ(config.error()[0].kind, ConfigError::Kind::kNotAvailable);
    EXPECT_THAT(config.error()[0].what,
                HasSubstr("functions.f." + std::string(key) + " is not available in this version"));
    EXPECT_THAT(ErrorsOf("host: { " + std::string(key) + ": 1 }"), SizeIs(1));
    EXPECT_THAT(ErrorsOf(std::string(key) + ": 1"), SizeIs(1));
  }
}

TEST_F(ConfigTest, ValuesOfVersionsToComeAreRefusedByName) {
  EXPECT_THAT(ErrorsOfFunction("cache: off"),
              ElementsAre("functions.f.cache is not available in this version; set cache_bytes"));
  EXPECT_THAT(ErrorsOfFunction("outputs: { counts: { create: { partitions: 4 } } }"),
              ElementsAre("functions.f.outputs.counts.create is not available in this version; "
                          "write counts: <topic>"));
  for (const std::string_view kind : LaterTriggers()) {
    EXPECT_THAT(Without(ErrorsOf("functions: { f: { triggers: [{ " + std::string(kind) +
                                 ": { x: 1 } }] } }")),
                ElementsAre("a trigger of kind " + std::string(kind) +
                            " is not available in this version; kafka is"));
  }
}

TEST_F(ConfigTest, PropertiesOfTheProtocolAreRefusedWithWhatToUse) {
  for (const std::string_view property : OwnedProperties()) {
    EXPECT_THAT(Without(ErrorsOf("kafka: { " + std::string(property) + ": x }")),
                ElementsAre(HasSubstr("kafka property \"" + std::string(property) +
                                      "\" belongs to the host: ")));
  }
  EXPECT_THAT(Without(ErrorsOf("kafka: { group.id: x }")),
              ElementsAre("kafka property \"group.id\" belongs to the host: set "
                          "functions.<name>.group"));
  EXPECT_THAT(ErrorsOf("kafka: { enable.auto.anything: x }"), SizeIs(1));
  EXPECT_THAT(ErrorsOf("kafka: { group.id#env: PATH }"), SizeIs(1));
}

TEST_F(ConfigTest, RedisUrlsAreCheckedAndNeverShown) {
  for (const std::string right :
       {"redis://h", "redis://h:1", "redis://h:1/", "redis://127.0.0.1:6379/15",
        "rediss://[::1]:1/0", "redis://:p@h", "redis://u:p%40@h:65535/0"}) {
    EXPECT_THAT(ErrorsOf("redis: { url: '" + right + "' }"), IsEmpty()) << right;
  }
  for (const std::string wrong :
       {"h:1", "http://hunter2", "redis://", "redis://:hunter2@", "redis://:hunter2@h:0",
        "redis://:hunter2@h:65536", "redis://:hunter2@h:", "redis://h/hunter2", "redis://h:-1",
        "redis://hunter2 x", "redis://[h]:1", "redis://[::1", "redis://h:1/0?hunter2",
        "redis://:hunter2/x@h:1"}) {
    const auto errors = ErrorsOf("redis: { url: '" + wrong + "' }");
    EXPECT_THAT(errors, SizeIs(1)) << wrong;
    for (const std::string& error : errors) EXPECT_EQ(error.find("hunter2"), std::string::npos);
  }
  for (const std::string text :
       {"redis: hunter2", "redis: [hunter2]", "kafka: hunter2", "kafka: [hunter2]",
        "kafka: { a: [hunter2] }", "kafka: { a: { hunter2: hunter2 } }",
        "kafka: { a#env: hunter-2 hunter2 }", "redis: { url: *hunter2 }"}) {
    const auto errors = ErrorsOf(text);
    EXPECT_THAT(errors, SizeIs(1)) << text;
    for (const std::string& error : errors) EXPECT_EQ(error.find("hunter2"), std::string::npos);
  }
}

TEST_F(ConfigTest, ListenNeedsAnAddressAndPort) {
  const auto listen = [this](const std::string& value) {
    return ErrorsOf("host: { http: { listen: '" + value + "' } }");
  };
  EXPECT_THAT(listen("localhost:1"), IsEmpty());
  EXPECT_THAT(listen("0.0.0.0:65535"), IsEmpty());
  EXPECT_THAT(Without(listen(":80")), ElementsAre(HasSubstr("(did you mean \"127.0.0.1:80\"?)")));
  EXPECT_THAT(Without(listen("80")), ElementsAre(HasSubstr("(did you mean \"127.0.0.1:80\"?)")));
  for (const std::string wrong :
       {"a.example:80", "127.0.0.1", "127.0.0.1:65536", "::1:80", "[::1]"}) {
    EXPECT_THAT(listen(wrong), SizeIs(1)) << wrong;
  }
}

TEST_F(ConfigTest, TrustNeedsKeysThatCanBeKeys) {
  const std::string raw = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
  const auto keys = [this](const std::string& list) {
    return ErrorsOf("host: { trust: { require: true, keys: [" + list + "] } }");
  };
  EXPECT_THAT(keys("'" + raw + "', 'MCowBQYDK2VwAyEA" + raw + "'"), IsEmpty());
  EXPECT_THAT(ErrorsOf("host: { trust: { keys: ['" + raw + "'] } }"), IsEmpty());
  EXPECT_THAT(Without(keys("")), ElementsAre("host.trust.require needs host.trust.keys"));
  for (const std::string& bad : {std::string("abc"), raw + "=", raw.substr(1) + "?", "x" + raw})
    EXPECT_THAT(keys("'" + raw + "', '" + bad + "'"), SizeIs(1)) << bad;
  EXPECT_THAT(Without(ErrorsOf("host: { trust: { keys: " + raw + " } }")),
              ElementsAre("host.trust.keys must be a list of public keys"));
}

TEST_F(ConfigTest, AnErrorRateIsANumberFromZeroToOne) {
  const auto rate = [this](const std::string& text) {
    return ErrorsOf(
        "functions: { f: { triggers: [{ kafka: { topic: t } }], swap: { "
        "max_error_rate: " +
        text + " } } }");
  };
  for (const char* good : {"0", "1", "0.05", "1.0"}) EXPECT_THAT(rate(good), IsEmpty()) << good;
  for (const char* bad : {"1.01", "-0.1", "5%", "1e-2", "'0.5'", "[]", "x"}) {
    EXPECT_THAT(rate(bad), SizeIs(1)) << bad;
  }
  EXPECT_THAT(Without(rate("5%")),
              ElementsAre("functions.f.swap.max_error_rate must be a number from 0 to 1 such as "
                          "0.05, not \"5%\""));
}

TEST_F(ConfigTest, AtMostAHundredErrorsAreListed) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "unknown" + std::to_string(i) + ": 1\n";
  const auto errors = ErrorsOf(text);
  EXPECT_THAT(errors, SizeIs(kErrorsMax + 1));
  EXPECT_THAT(errors.back(), HasSubstr("more errors than the 100 shown"));
}

}  // namespace
}  // namespace millrace::config
