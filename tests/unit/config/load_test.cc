// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "unit/config/config_files.h"

namespace millrace::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kFull[] = R"(
host:
  namespace: shop
  id: edge-1
  functions_dir: /f
  cache_dir: /c
  drain_timeout: 2m
  lane_queue_bytes: 1GiB
  lane_output_bytes: 2MiB
  http: { listen: "[::1]:0" }
kafka:
  bootstrap.servers: a:1,b:2
  session.timeout.ms: 6000
  socket.keepalive.enable: True
redis: { url: rediss://u:p@h:1/2 }
functions:
  order-totals:
    library: /lib/x.so
    group: mine
    delivery: exactly_once
    on_state_loss: rebuild
    on_retention_loss: skip
    on_offset_reset: applied
    lanes: 3
    batch: { max_records: 7, max_wait: 0ms }
    swap: { max_error_rate: 0.05, watch: 1m }
    limits: { timeout: 2s }
    commit_interval: 1s
    commit_max_effects: 9
    commit_max_bytes: 4096
    max_crashes: 5
    cache_bytes: 1MiB
    triggers:
      - kafka: { topics: [a, b], start: latest, filter: { header: kind, equals: "" } }
      - kafka: { topic: c, start: 2015-09-12T01:00:00.25+01:00, deduplicate: true }
    outputs: { totals: t }
    config: { x: 1 }
  plain:
    triggers: [{ kafka: { topic: a, start: 1442016000000 } }]
)";

TEST_F(ConfigTest, EveryHostKeyReachesItsField) {
  const auto config = Load(kFull);
  ASSERT_TRUE(config) << ToString(config.error().front());
  EXPECT_EQ(config->namespace_name, "shop");
  EXPECT_EQ(config->id, "edge-1");
  EXPECT_EQ(config->functions_dir, "/f");
  EXPECT_EQ(config->cache_dir, "/c");
  EXPECT_EQ(config->drain_timeout, Millis(120'000));
  EXPECT_EQ(config->lane_queue_bytes, int64_t{1} << 30);
  EXPECT_EQ(config->lane_output_bytes, int64_t{2} << 20);
  EXPECT_EQ(config->http.address, "::1");
  EXPECT_EQ(config->http.port, 0);
  EXPECT_THAT(config->kafka,
              ElementsAre(Pair("bootstrap.servers", "a:1,b:2"), Pair("session.timeout.ms", "6000"),
                          Pair("socket.keepalive.enable", "true")));
  EXPECT_EQ(config->redis_url, "rediss://u:p@h:1/2");
}

TEST_F(ConfigTest, EveryFunctionKeyReachesItsField) {
  const auto config = Load(kFull);
  ASSERT_TRUE(config && config->functions.size() == 2);
  FunctionSpec want;
  want.name = "order-totals";
  want.library = "/lib/x.so";
  want.group = "mine";
  want.delivery = Delivery::kExactlyOnce;
  want.policies = {.on_state_loss = OnStateLoss::kRebuild,
                   .on_retention_loss = OnRetentionLoss::kSkip,
                   .on_offset_reset = OnOffsetReset::kApplied};
  want.lanes = 3;
  want.batch = {.max_records = 7, .max_wait = Millis(0)};
  want.limits = {.timeout = Millis(2'000)};
  want.swap = {.max_error_rate = 0.05, .watch = Millis(60'000)};
  want.commit_interval = Millis(1000);
  want.commit_max_effects = 9;
  want.commit_max_bytes = 4096;
  want.max_crashes = 5;
  want.cache_bytes = 1 << 20;
  using Kind = StartPosition::Kind;
  want.triggers = {{{"a", "b"}, {Kind::kLatest}, HeaderFilter{"kind", ""}},
                   {{"c"}, {Kind::kTimestamp, 1442016000250}, std::nullopt, true}};
  want.outputs = {{"totals", "t"}};
  want.config = {{"x", "1"}};
  want.position = {folder() + "/millrace.yaml", 17, 3};
  EXPECT_EQ(config->functions[0], want);
  EXPECT_EQ(config->functions[1].triggers[0].start,
            (StartPosition{Kind::kTimestamp, 1442016000000}));
}

TEST_F(ConfigTest, EveryWordMeansItsEnumerator) {
  const auto load = [this](const std::string& line) {
    const auto config =
        Load("functions: { f: { triggers: [{ kafka: { topic: a } }], " + line + " } }");
    EXPECT_TRUE(config) << line;
    return config ? config->functions[0] : FunctionSpec();
  };
  EXPECT_EQ(load("delivery: at_least_once").delivery, Delivery::kAtLeastOnce);
  EXPECT_EQ(load("delivery: exactly_once").delivery, Delivery::kExactlyOnce);
  const auto loss = [&](const std::string& word) {
    return load("on_state_loss: " + word).policies.on_state_loss;
  };
  EXPECT_EQ(loss("fail"), OnStateLoss::kFail);
  EXPECT_EQ(loss("rebuild"), OnStateLoss::kRebuild);
  EXPECT_EQ(loss("empty"), OnStateLoss::kEmpty);
  const auto retention = [&](const std::string& word) {
    return load("on_retention_loss: " + word).policies.on_retention_loss;
  };
  EXPECT_EQ(retention("fail"), OnRetentionLoss::kFail);
  EXPECT_EQ(retention("skip"), OnRetentionLoss::kSkip);
  const auto reset = [&](const std::string& word) {
    return load("on_offset_reset: " + word).policies.on_offset_reset;
  };
  EXPECT_EQ(reset("fail"), OnOffsetReset::kFail);
  EXPECT_EQ(reset("applied"), OnOffsetReset::kApplied);
}

TEST_F(ConfigTest, LibraryAndGroupDefaultByNames) {
  const auto config = Load(
      "functions: { page-edits: { triggers: [{ kafka: { topic: a } }] } }\n"
      "host: { namespace: shop }");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->functions[0].library, "page_edits.so");
  EXPECT_EQ(config->functions[0].group, "millrace.shop.page-edits");
}

TEST_F(ConfigTest, EmptySectionsAndDocumentsLeaveDefaults) {
  const auto config = Load("---\nhost:\nkafka:\nredis:\nfunctions:\n---\n# nothing\n---\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->namespace_name, "default");
  EXPECT_THAT(config->kafka, ElementsAre(Pair("bootstrap.servers", "127.0.0.1:9092")));
  EXPECT_THAT(config->functions, IsEmpty());
}

TEST_F(ConfigTest, OneDocumentPerFunctionIsMerged) {
  const auto config = Load(
      "functions: { a: { triggers: [{ kafka: { topic: x } }] } }\n---\n"
      "functions: { b: { triggers: [{ kafka: { topic: x } }] } }\n");
  ASSERT_TRUE(config);
  EXPECT_THAT(config->functions, SizeIs(2));
}

TEST_F(ConfigTest, FolderIsMergedInNameOrder) {
  Write("2.yml", "functions: { a: { triggers: [{ kafka: { topic: x } }] } }");
  Write("1.yaml", "functions: { z: { triggers: [{ kafka: { topic: x } }] } }");
  Write("0.yaml", "host: { id: me }");
  Write(".hidden.yaml", "nonsense");
  Write("notes.txt", "nonsense");
  const auto config = LoadConfig(folder());
  ASSERT_TRUE(config) << ToString(config.error().front());
  EXPECT_EQ(config->id, "me");
  ASSERT_THAT(config->functions, SizeIs(2));
  EXPECT_EQ(config->functions[0].name, "z");
  EXPECT_EQ(config->functions[1].position.file, folder() + "/2.yml");
}

TEST_F(ConfigTest, WhatIsGivenTwiceNamesBothPlaces) {
  Write("a.yaml", "host: { id: x }\nfunctions:\n  f: { triggers: [{ kafka: { topic: x } }] }\n");
  Write("b.yaml",
        "host: { id: y }\nfunctions:\n  f: { triggers: [{ kafka: { topic: x } }] }\n"
        "  g: { group: millrace.default.f, triggers: [{ kafka: { topic: x } }] }\n");
  const auto config = LoadConfig(folder());
  ASSERT_FALSE(config);
  EXPECT_THAT(
      Errors(config.error()),
      ElementsAre("b.yaml:1:1: error: host is given twice, before at a.yaml:1",
                  "b.yaml:3:3: error: function \"f\" is defined twice, before at a.yaml:3",
                  "b.yaml:4:3: error: function \"g\" has the group \"millrace.default.f\" of "
                  "function \"f\", defined at a.yaml:3"));
}

TEST_F(ConfigTest, ErrorsOfAllFilesComeInOneRun) {
  Write("a.yaml", "hots: {}\nredis: { url: http://x }");
  Write("b.yaml", "a: [1\n");
  Write("c.yaml", "host: { id: -x }");
  const auto config = LoadConfig(folder());
  ASSERT_FALSE(config);
  EXPECT_THAT(Errors(config.error()),
              ElementsAre("a.yaml:1:1: error: unknown key \"hots\" at the top level (did you mean "
                          "\"host\"?)",
                          HasSubstr("a.yaml:2:15: error: redis.url must be redis://"),
                          HasSubstr("b.yaml:2:1: error: not valid YAML: "),
                          HasSubstr("c.yaml:1:13: error: host.id must be 1 to 128")));
}

TEST_F(ConfigTest, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(Errors(LoadConfig(folder() + "/none.yaml").error()),
              ElementsAre("none.yaml: error: the file cannot be read: No such file or directory"));
  EXPECT_THAT(LoadConfig(folder()).error(), SizeIs(1));
  EXPECT_EQ(LoadConfig(folder()).error()[0].what, "the folder holds no *.yaml and no *.yml");
}

TEST_F(ConfigTest, UncheckedErrorsAreADefectThatNamesTheFirst) {
  EXPECT_THROW(Load("x: 1").value(), std::logic_error);
}

TEST_F(ConfigTest, PipeInWatchedFolderIsRefusedAtOnce) {
  const std::string pipe = folder() + "/pipe.yaml";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(Errors(LoadFunctions(pipe, "default").error()),
              ElementsAre("pipe.yaml: error: the file is not a regular file"));
  EXPECT_THAT(Errors(LoadConfig(folder()).error()),
              ElementsAre("pipe.yaml: error: the file is not a regular file"));
}

TEST_F(ConfigTest, FunctionFileHoldsFunctionsAlone) {
  const auto functions = LoadFunctions(
      Write("f.yaml", "functions: { f: { triggers: [{ kafka: { topic: x } }] } }"), "shop");
  ASSERT_TRUE(functions);
  EXPECT_EQ(functions->at(0).group, "millrace.shop.f");
  const auto refused = LoadFunctions(Write("g.yaml", "host: {}\nredis: { url: x }\n"), "shop");
  ASSERT_FALSE(refused);
  EXPECT_THAT(Errors(refused.error()),
              ElementsAre("g.yaml:1:1: error: host belongs in the host's own configuration; a file "
                          "in functions_dir holds functions alone",
                          "g.yaml:2:1: error: redis belongs in the host's own configuration; a "
                          "file in functions_dir holds functions alone"));
}

TEST_F(ConfigTest, MovedFunctionAsksForTheSame) {
  const auto first = Load("functions: { f: { triggers: [{ kafka: { topic: x } }] } }");
  const auto moved = Load("\n\nfunctions: { f: { triggers: [{ kafka: { topic: x } }] } }");
  const auto other = Load("functions: { f: { triggers: [{ kafka: { topic: y } }] } }");
  ASSERT_TRUE(first && moved && other);
  EXPECT_TRUE(SameRequest(first->functions[0], moved->functions[0]));
  EXPECT_FALSE(SameRequest(first->functions[0], other->functions[0]));
}

}  // namespace
}  // namespace millrace::config
