// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <set>

#include "config/config.h"
#include "config/function_reader.h"
#include "config/key_table.h"
#include "config/yaml_tree.h"
#include "unit/config/config_files.h"
#include "unit/config/schema_text.h"

namespace millrace::config {
namespace {

using ::testing::ContainerEq;
using ::testing::IsEmpty;

std::string ReferencePath() { return (SourceTree() / "config/reference.yaml").string(); }

Node ReferenceTree() {
  ConfigErrors errors;
  Report report("reference.yaml", &errors);
  const auto documents = ParseYaml(ReadWhole(ReferencePath()), &report);
  EXPECT_THAT(errors, IsEmpty());
  return documents.size() == 1 ? documents[0] : Node();
}

// The maps of the tree that a section describes: one for most, one for each function or trigger.
struct Described {
  const Section* section;
  const Node* map;
};

std::vector<Described> Below(const Key& key, const Node& value) {
  std::vector<Described> found;
  if (key.type == KeyType::kSection) found.push_back({key.section, &value});
  for (const Node& item : value.items) {
    if (key.type == KeyType::kSections) found.push_back({key.section, &item});
  }
  for (const Entry& entry : value.entries) {
    if (key.type == KeyType::kFunctions) found.push_back({key.section, &entry.value});
  }
  return found;
}

// Calls `visit` for every entry of the reference that has a key in the table, in no special order.
void ForEachKey(const std::function<void(const Section&, const Key&, const Entry&)>& visit) {
  const Node root = ReferenceTree();
  std::vector<Described> open{{&RootSection(), &root}};
  while (!open.empty()) {
    const Described next = open.back();
    open.pop_back();
    for (const Entry& entry : next.map->entries) {
      const Key* key = next.section->Find(entry.key);
      ASSERT_NE(key, nullptr) << entry.key;
      visit(*next.section, *key, entry);
      const auto below = Below(*key, entry.value);
      open.insert(open.end(), below.begin(), below.end());
    }
  }
}

void CollectNames(const Section& section, std::set<std::string>* names) {
  for (const Key& key : section.keys) {
    names->insert(std::string(section.where) + "/" + std::string(key.name));
    if (key.section) CollectNames(*key.section, names);
  }
}

TEST(ReferenceTest, HoldsEveryKeyThatIsRead) {
  std::set<std::string> known, shown;
  CollectNames(RootSection(), &known);
  ForEachKey([&shown](const Section& section, const Key& key, const Entry&) {
    shown.insert(std::string(section.where) + "/" + std::string(key.name));
  });
  EXPECT_THAT(shown, ContainerEq(known));
}

TEST(ReferenceTest, ShowsTheDefaultsOfTheKeyTable) {
  ForEachKey([](const Section&, const Key& key, const Entry& entry) {
    if (key.default_text.empty()) return;
    EXPECT_EQ(entry.value.text, key.default_text) << key.name;
  });
}

TEST(ReferenceTest, LoadsToTheDefaultsOfTheHost) {
  const auto config = LoadConfig(ReferencePath());
  ASSERT_TRUE(config) << ToString(config.error()[0]);
  const HostConfig defaults;
  EXPECT_EQ(config->namespace_name, defaults.namespace_name);
  EXPECT_EQ(config->functions_dir, defaults.functions_dir);
  EXPECT_EQ(config->cache_dir, defaults.cache_dir);
  EXPECT_EQ(config->drain_timeout, defaults.drain_timeout);
  EXPECT_EQ(config->lane_queue_bytes, defaults.lane_queue_bytes);
  EXPECT_EQ(config->lane_output_bytes, defaults.lane_output_bytes);
  EXPECT_EQ(config->http, defaults.http);
  EXPECT_EQ(config->kafka, defaults.kafka);
  EXPECT_EQ(config->redis_url, defaults.redis_url);
  EXPECT_EQ(config->trust.require, defaults.trust.require);
  EXPECT_EQ(config->trust.keys, defaults.trust.keys);
}

TEST(ReferenceTest, LoadsToTheDefaultsOfAFunction) {
  const auto config = LoadConfig(ReferencePath());
  ASSERT_TRUE(config && config->functions.size() == 1);
  const FunctionSpec& shown = config->functions[0];
  FunctionSpec want;
  want.name = "page-edits";
  want.library = DefaultLibrary(want.name);
  want.group = DefaultGroup("default", want.name);
  want.triggers = {{{"wiki.edits"}, {}, HeaderFilter{"kind", "edit"}},
                   {{"wiki.corrections"}, {}, std::nullopt}};
  want.outputs = {{"counts", "wiki.page-counts"}};
  want.config = {{"ignore_robots", "false"}, {"window", R"({"size":1})"}, {"window.size", "1"}};
  want.limits.memory = int64_t{1} << 30;  // what has no default is shown with an example
  want.limits.cpu = 1.5;
  EXPECT_TRUE(SameRequest(shown, want));
}

TEST(ReferenceTest, ExamplesLoad) {
  setenv("KAFKA_PASSWORD", "x", 1);
  setenv("REDIS_URL", "rediss://:password@redis:6380/0", 1);
  setenv("PROVIDER_KEY", "x", 1);
  for (const char* name : {"minimal.yaml", "secured.yaml"}) {
    const auto config = LoadConfig((SourceTree() / "config/examples" / name).string());
    EXPECT_TRUE(config) << ToString(config.error()[0]);
  }
}

TEST(SchemaTest, ShippedSchemaIsMadeFromTheKeyTable) {
  const std::string made = SchemaText().Make();
  const auto shipped = (SourceTree() / "config/schema/millrace.schema.json").lexically_normal();
  if (std::filesystem::exists(shipped) && ReadWhole(shipped) == made) return;
  const std::string fresh = ::testing::TempDir() + "millrace.schema.json";
  std::ofstream(fresh, std::ios::binary) << made;
  FAIL() << "the key table has changed; the schema for it: cp " << fresh << " " << shipped.string();
}

}  // namespace
}  // namespace millrace::config
