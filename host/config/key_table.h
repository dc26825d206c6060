// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::config {

// Every key that a configuration may hold. The readers take their ranges from here; the JSON Schema
// and the test of config/reference.yaml are made from it. All of it is constant.

enum class KeyType {
  kText,
  kWord,       // one of `words`
  kFlag,       // true or false
  kInteger,    // min and max as they are
  kDecimal,    // a number from 0 to max
  kDuration,   // min and max in milliseconds
  kSize,       // min and max in bytes
  kSection,    // a map with the keys of `section`
  kSections,   // a list of such maps
  kFunctions,  // a map: function name → `section`
  kTextMap,    // a map: name → text
  kTextList,
  kTree,  // anything
};

struct Section;

struct Key {
  std::string_view name;
  KeyType type = KeyType::kText;
  std::string_view about = {};         // one sentence
  std::string_view default_text = {};  // as written in YAML; empty = none, or made from other keys
  int64_t min = 0;
  int64_t max = 0;
  const Section* section = nullptr;
  std::string_view pattern = {};  // kText: regular expression for editors; the readers check more
  std::span<const std::string_view> words = {};  // in the order of the enumerators they stand for
  enum class Need { kOptional, kRequired } need = Need::kOptional;
  enum class Secret { kNo, kAllowed } secret = Secret::kNo;  // name#env and name#file
};

struct Section {
  std::string_view where;  // "host.http", "functions.*.batch"
  std::span<const Key> keys;

  const Key* Find(std::string_view name) const;
  std::vector<std::string_view> names() const;
};

const Section& RootSection();
const Section& HostSection();
const Section& HttpSection();
const Section& TrustSection();
const Section& RedisSection();
const Section& FunctionSection();
const Section& BatchSection();
const Section& SwapSection();
const Section& LimitsSection();
const Section& TriggerSection();
const Section& KafkaTriggerSection();
const Section& FilterSection();

// Keys and trigger kinds of versions to come, refused by name wherever they stand.
std::span<const std::string_view> LaterKeys();
std::span<const std::string_view> LaterTriggers();

// What a librdkafka property that the protocol owns is decided by; empty = not owned.
std::string_view OwnedProperty(std::string_view property);
// The owned properties by name; those beginning with enable.auto. are owned as well.
std::vector<std::string_view> OwnedProperties();

constexpr int kLanesMax = 256;
constexpr size_t kFunctionsMax = 1000;  // of one host
constexpr size_t kTopicsMax = 1000;     // of one function

}  // namespace millrace::config
