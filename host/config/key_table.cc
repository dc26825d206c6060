// SPDX-License-Identifier: Apache-2.0
#include "config/key_table.h"

#include <algorithm>
#include <array>

namespace millrace::config {
namespace {

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;
constexpr int64_t kGiB = 1024 * kMiB;
constexpr int64_t kSecondMs = 1000;
constexpr int64_t kHourMs = 3600 * kSecondMs;

constexpr std::string_view kNamePattern = "^[a-z0-9][a-z0-9-]{0,62}$";
constexpr std::string_view kTopicPattern = "^[A-Za-z0-9._-]{1,249}$";

// In the order of the enumerators in model/function_spec.h.
constexpr std::string_view kDeliveryWords[] = {"at_least_once", "exactly_once"};
constexpr std::string_view kStateLossWords[] = {"fail", "rebuild", "empty"};
constexpr std::string_view kRetentionLossWords[] = {"fail", "skip"};
constexpr std::string_view kOffsetResetWords[] = {"fail", "applied"};

constexpr Key kFilterKeys[] = {
    {.name = "header",
     .about = "Name of the header that is compared.",
     .need = Key::Need::kRequired},
    {.name = "equals",
     .about = "Records whose header has exactly this value are handled; others are passed over.",
     .need = Key::Need::kRequired},
};
constexpr Section kFilter{"functions.*.triggers.kafka.filter", kFilterKeys};

constexpr Key kKafkaTriggerKeys[] = {
    {.name = "topics",
     .type = KeyType::kTextList,
     .about = "Input topics.",
     .pattern = kTopicPattern},
    {.name = "topic", .about = "Short for topics with one entry.", .pattern = kTopicPattern},
    {.name = "start",
     .about =
         "Where a partition without stored progress begins: earliest, latest, an RFC 3339 time "
         "or milliseconds since 1970.",
     .default_text = "earliest",
     .pattern =
         "^(earliest|latest|[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9]{2}:"
         "[0-9]{2}))$"},
    {.name = "filter",
     .type = KeyType::kSection,
     .about = "Which records are handled; all if absent.",
     .section = &kFilter},
    {.name = "deduplicate",
     .type = KeyType::kFlag,
     .about = "Drops repeats of another function's outputs, told by their millrace-id.",
     .default_text = "false"},
};
constexpr Section kKafkaTrigger{"functions.*.triggers.kafka", kKafkaTriggerKeys};

constexpr Key kTriggerKeys[] = {
    {.name = "kafka",
     .type = KeyType::kSection,
     .about = "Records of Kafka topics.",
     .section = &kKafkaTrigger,
     .need = Key::Need::kRequired},
};
constexpr Section kTrigger{"functions.*.triggers", kTriggerKeys};

constexpr Key kBatchKeys[] = {
    {.name = "max_records",
     .type = KeyType::kInteger,
     .about = "Most events handled together.",
     .default_text = "1000",
     .min = 1,
     .max = 100'000},
    {.name = "max_wait",
     .type = KeyType::kDuration,
     .about = "How long a batch that is not full waits for more.",
     .default_text = "5ms",
     .min = 0,
     .max = 10 * kSecondMs},
};
constexpr Section kBatch{"functions.*.batch", kBatchKeys};

constexpr Key kSwapKeys[] = {
    {.name = "max_error_rate",
     .type = KeyType::kDecimal,
     .about = "A new generation whose failed calls are more than this part of all is rolled back; "
              "1 = never.",
     .default_text = "0.5",
     .max = 1},
    {.name = "watch",
     .type = KeyType::kDuration,
     .about = "How long after a swap its calls count.",
     .default_text = "30s",
     .min = 0,
     .max = kHourMs},
};
constexpr Section kSwap{"functions.*.swap", kSwapKeys};

constexpr int64_t kLimitMemoryMin = 64 * kMiB;
constexpr int64_t kLimitMemoryMax = 1024 * kGiB;
constexpr int64_t kLimitCpuMax = 1024;

constexpr Key kLimitsKeys[] = {
    {.name = "timeout",
     .type = KeyType::kDuration,
     .about =
         "How long one call of the handler may take; a longer one is ended with its process, or "
         "inline, told in log, /readyz and metrics.",
     .default_text = "30s",
     .min = 1,
     .max = kHourMs},
    {.name = "memory",
     .type = KeyType::kSize,
     .about = "What the function's process may use at most: handler, prefetched records, cache and "
              "outputs on their way.",
     .min = kLimitMemoryMin,
     .max = kLimitMemoryMax},
    {.name = "cpu",
     .type = KeyType::kDecimal,
     .about = "How many processors the function's process may keep busy, in parts of one; needs a "
              "delegated control group (version 2).",
     .max = kLimitCpuMax},
};
constexpr Section kLimits{"functions.*.limits", kLimitsKeys};

constexpr std::string_view kIsolationWords[] = {"process", "inline"};

constexpr Key kFunctionKeys[] = {
    {.name = "library",
     .about = "Path of the library, absolute or relative to host.functions_dir; the default is the "
              "function's name with - as _ and .so."},
    {.name = "group",
     .about = "Consumer group; the default is millrace.<namespace>.<function>.",
     .pattern = "^[A-Za-z0-9._-]{1,249}$"},
    {.name = "delivery",
     .type = KeyType::kWord,
     .about = "What a crash may do to outputs: at_least_once may repeat them, exactly_once shows "
              "each once to readers with read_committed.",
     .default_text = "at_least_once",
     .words = kDeliveryWords},
    {.name = "on_state_loss",
     .type = KeyType::kWord,
     .about = "When the store lost the state and the group has offsets: fail, rebuild it from the "
              "input, or go on with an empty one. No effect without state.",
     .default_text = "fail",
     .words = kStateLossWords},
    {.name = "on_retention_loss",
     .type = KeyType::kWord,
     .about = "When the input no longer holds what comes next: fail, or skip to what it holds.",
     .default_text = "fail",
     .words = kRetentionLossWords},
    {.name = "on_offset_reset",
     .type = KeyType::kWord,
     .about = "When the group's offsets were moved and the state's were not: fail, or go on from "
              "what is applied. No effect without state.",
     .default_text = "fail",
     .words = kOffsetResetWords},
    {.name = "lanes",
     .type = KeyType::kInteger,
     .about = "Threads of this host that work on the function.",
     .default_text = "1",
     .min = 1,
     .max = kLanesMax},
    {.name = "batch",
     .type = KeyType::kSection,
     .about = "How events are put together.",
     .section = &kBatch},
    {.name = "swap",
     .type = KeyType::kSection,
     .about = "When a new generation of the library gives way to the one before it.",
     .section = &kSwap},
    {.name = "isolation",
     .type = KeyType::kWord,
     .about = "Where the function runs: process, in a child of the host that can crash without "
              "hurting another function, or inline, in the host; dev is always inline.",
     .default_text = "process",
     .words = kIsolationWords},
    {.name = "limits",
     .type = KeyType::kSection,
     .about = "What a handler may take.",
     .section = &kLimits},
    {.name = "commit_interval",
     .type = KeyType::kDuration,
     .about = "How often a lane commits what it has done.",
     .default_text = "100ms",
     .min = 1,
     .max = 60 * kSecondMs},
    {.name = "commit_max_effects",
     .type = KeyType::kInteger,
     .about = "Most state writes in one commit script.",
     .default_text = "500",
     .min = 1,
     .max = 100'000},
    {.name = "commit_max_bytes",
     .type = KeyType::kSize,
     .about = "Most bytes of state writes in one commit script.",
     .default_text = "256KiB",
     .min = kKiB,
     .max = 64 * kMiB},
    {.name = "max_crashes",
     .type = KeyType::kInteger,
     .about = "How often one record may end the function's process. Then it is kept aside whole; "
              "without state the function stops.",
     .default_text = "3",
     .min = 1,
     .max = 100},
    {.name = "cache_bytes",
     .type = KeyType::kSize,
     .about = "State that a lane keeps in memory.",
     .default_text = "64MiB",
     .min = 64 * kKiB,
     .max = 1024 * kGiB},
    {.name = "triggers",
     .type = KeyType::kSections,
     .about = "What calls the function; all kafka triggers are one subscription.",
     .section = &kTrigger,
     .need = Key::Need::kRequired},
    {.name = "outputs",
     .type = KeyType::kTextMap,
     .about = "Output name of the library → topic.",
     .pattern = kTopicPattern},
    {.name = "config",
     .type = KeyType::kTree,
     .about = "For the library alone: read there by dotted path.",
     .secret = Key::Secret::kAllowed},
};
constexpr Section kFunction{"functions.*", kFunctionKeys};

constexpr Key kHttpKeys[] = {
    {.name = "listen",
     .about = "Address and port of the HTTP interface; port 0 takes any free one.",
     .default_text = "127.0.0.1:8080",
     .pattern = "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+|localhost):[0-9]{1,5}$"},
};
constexpr Section kHttp{"host.http", kHttpKeys};

constexpr Key kTrustKeys[] = {
    {.name = "require",
     .type = KeyType::kFlag,
     .about = "Libraries without a signature by one of the keys are refused.",
     .default_text = "false"},
    {.name = "keys",
     .type = KeyType::kTextList,
     .about = "ed25519 public keys in base64, 32 bytes or what a PEM file holds. A signature that "
              "is there has to be by one of them.",
     .pattern = "^(MCowBQYDK2VwAyEA)?[A-Za-z0-9+/]{43}=$"},
};
constexpr Section kTrust{"host.trust", kTrustKeys};

constexpr Key kHostKeys[] = {
    {.name = "namespace",
     .about = "With the function's name the identity of its state.",
     .default_text = "default",
     .pattern = kNamePattern},
    {.name = "id",
     .about =
         "Name of this host, unique in the namespace and the same after a restart; the default "
         "is host name-HTTP port.",
     .pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"},
    {.name = "functions_dir",
     .about = "Watched folder of libraries and their YAML.",
     .default_text = "./functions"},
    {.name = "cache_dir",
     .about = "Folder for private copies of libraries.",
     .default_text = "./.millrace"},
    {.name = "drain_timeout",
     .type = KeyType::kDuration,
     .about = "How long a stop waits for what is in flight.",
     .default_text = "30s",
     .min = 0,
     .max = kHourMs},
    {.name = "lane_queue_bytes",
     .type = KeyType::kSize,
     .about = "Records that a lane fetches ahead, over all its partitions.",
     .default_text = "64MiB",
     .min = kMiB,
     .max = 64 * kGiB},
    {.name = "lane_output_bytes",
     .type = KeyType::kSize,
     .about =
         "Outputs of a lane that the broker has not acknowledged; a full lane takes no events.",
     .default_text = "32MiB",
     .min = kMiB,
     .max = 64 * kGiB},
    {.name = "http", .type = KeyType::kSection, .about = "The HTTP interface.", .section = &kHttp},
    {.name = "trust",
     .type = KeyType::kSection,
     .about = "Whose signature libraries need.",
     .section = &kTrust},
};
constexpr Section kHost{"host", kHostKeys};

constexpr Key kRedisKeys[] = {
    {.name = "url",
     .about = "redis://[[user]:password@]host[:port][/database], rediss:// for TLS.",
     .default_text = "redis://127.0.0.1:6379/0",
     .pattern = "^rediss?://",
     .secret = Key::Secret::kAllowed},
};
constexpr Section kRedis{"redis", kRedisKeys};

constexpr Key kRootKeys[] = {
    {.name = "host", .type = KeyType::kSection, .about = "This process.", .section = &kHost},
    {.name = "kafka",
     .type = KeyType::kTextMap,
     .about = "Properties for librdkafka, but for those that the protocol owns.",
     .secret = Key::Secret::kAllowed},
    {.name = "redis",
     .type = KeyType::kSection,
     .about = "Where state is kept.",
     .section = &kRedis},
    {.name = "functions",
     .type = KeyType::kFunctions,
     .about = "Functions by name.",
     .section = &kFunction},
};
constexpr Section kRoot{"", kRootKeys};

constexpr std::string_view kLaterKeys[] = {"cache",      "concurrency", "durability", "idle_after",
                                           "on_failure", "retry",       "scaling",    "state",
                                           "store",      "timers",      "ttl"};
constexpr std::string_view kLaterTriggers[] = {"http", "lag", "resource", "schedule", "table"};

struct Owned {
  std::string_view property;
  std::string_view instead;
};
constexpr std::string_view kByGroup = "set functions.<name>.group";
constexpr std::string_view kByCommits = "the host commits offsets itself";
constexpr std::string_view kByStart = "set start in the kafka trigger";
constexpr std::string_view kNoTimeout =
    "outputs are sent until the broker takes them, bounded by host.lane_output_bytes";
constexpr Owned kOwned[] = {
    {"auto.commit.enable", kByCommits},
    {"auto.offset.reset", kByStart},
    {"delivery.timeout.ms", kNoTimeout},
    {"enable.auto.commit", kByCommits},
    {"enable.auto.offset.store", kByCommits},
    {"enable.idempotence", "the host sets what the delivery mode needs"},
    {"group.id", kByGroup},
    {"group.instance.id", "set host.id; the host is told apart by it"},
    {"isolation.level", "inputs are always read committed"},
    {"message.timeout.ms", kNoTimeout},
    {"metadata.broker.list", "set bootstrap.servers"},
    {"partition.assignment.strategy", "tasks need the range strategy"},
    {"partitioner", "keys are placed by murmur2, as Java clients do"},
    {"transactional.id", "it is made from namespace, function and host.id"},
};

}  // namespace

const Key* Section::Find(std::string_view name) const {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [name](const Key& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string_view> Section::names() const {
  std::vector<std::string_view> names;
  for (const Key& key : keys) names.push_back(key.name);
  return names;
}

const Section& RootSection() { return kRoot; }
const Section& HostSection() { return kHost; }
const Section& HttpSection() { return kHttp; }
const Section& TrustSection() { return kTrust; }
const Section& RedisSection() { return kRedis; }
const Section& FunctionSection() { return kFunction; }
const Section& BatchSection() { return kBatch; }
const Section& SwapSection() { return kSwap; }
const Section& LimitsSection() { return kLimits; }
const Section& TriggerSection() { return kTrigger; }
const Section& KafkaTriggerSection() { return kKafkaTrigger; }
const Section& FilterSection() { return kFilter; }

std::span<const std::string_view> LaterKeys() { return kLaterKeys; }
std::span<const std::string_view> LaterTriggers() { return kLaterTriggers; }

std::string_view OwnedProperty(std::string_view property) {
  for (const Owned& owned : kOwned) {
    if (owned.property == property) return owned.instead;
  }
  return property.starts_with("enable.auto.") ? kByCommits : std::string_view();
}

std::vector<std::string_view> OwnedProperties() {
  std::vector<std::string_view> properties;
  for (const Owned& owned : kOwned) properties.push_back(owned.property);
  return properties;
}

}  // namespace millrace::config
