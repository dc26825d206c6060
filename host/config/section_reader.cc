// SPDX-License-Identifier: Apache-2.0
#include "config/section_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/suggestion.h"
#include "config/text.h"

namespace millrace::config {
namespace {

constexpr std::string_view kDurationForm = "a duration such as 250ms, 5s, 1m or 1h";
constexpr std::string_view kSizeForm = "a size such as 4096, 64KiB, 1MiB or 1GiB";

std::string KindName(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    default:
      return Quoted(node.text);
  }
}

// Where a key that is unknown here belongs: " (it belongs under functions.*)", or nothing.
std::string BelongsUnder(std::string_view key) {
  const std::array<const Section*, 10> sections{
      &RootSection(),         &HostSection(),  &HttpSection(), &FunctionSection(), &BatchSection(),
      &KafkaTriggerSection(), &RedisSection(), &SwapSection(), &LimitsSection(),   &TrustSection()};
  for (const Section* section : sections) {
    if (!section->Find(key)) continue;
    if (section->where.empty()) return " (it belongs at the top level)";
    return " (it belongs under " + std::string(section->where) + ")";
  }
  return {};
}

// What the writer of a duration or size most likely meant.
std::string NearestForm(KeyType type, const std::string& text) {
  if (type == KeyType::kDuration) {
    return ParseInteger(text) ? " (did you mean " + Quoted(text + "ms") + "?)" : "";
  }
  const std::string digits = text.substr(0, text.find_first_not_of("0123456789"));
  const std::string unit = text.substr(digits.size());
  constexpr std::string_view kLetters = "KMG";
  constexpr std::string_view kSmall = "kmg";
  for (size_t i = 0; i < kLetters.size() && !digits.empty() && !unit.empty(); ++i) {
    if (unit[0] != kLetters[i] && unit[0] != kSmall[i]) continue;
    return " (did you mean " + Quoted(digits + kLetters[i] + "iB") + "?)";
  }
  return {};
}

std::string FormatValue(KeyType type, int64_t value) {
  if (type == KeyType::kDuration) return FormatDuration(value);
  if (type == KeyType::kSize) return FormatSize(value);
  return std::to_string(value);
}

std::optional<int64_t> ParseValue(KeyType type, const Node& node) {
  if (node.kind != Node::Kind::kScalar) return std::nullopt;
  if (type == KeyType::kDuration) return ParseDurationMs(node.text);
  if (type == KeyType::kSize) return ParseSizeBytes(node.text);
  return node.plain ? ParseInteger(node.text) : std::nullopt;
}

std::string FormOf(KeyType type) {
  if (type == KeyType::kDuration) return std::string(kDurationForm);
  if (type == KeyType::kSize) return std::string(kSizeForm);
  return "a whole number";
}

const Node& EmptyMap() {
  static const Node kEmpty;
  return kEmpty;
}

}  // namespace

SectionReader::SectionReader(const Section& section, const Node& map, std::string where,
                             Report* report)
    : section_(section), map_(&map), where_(std::move(where)), report_(report) {
  if (map.kind == Node::Kind::kMap) {
    CheckKeys(map);
    return;
  }
  if (map.kind != Node::Kind::kNull && map.kind != Node::Kind::kFailed) {
    const std::string name = where_.empty() ? "the document" : where_;
    report_->Invalid(map.at, name + " must be a map of settings, not " + KindName(map));
  }
  map_ = &EmptyMap();
}

void SectionReader::CheckKeys(const Node& map) const {
  for (const Entry& entry : map.entries) {
    const Key* key = section_.Find(BaseKey(entry.key));
    if (!key) {
      ReportUnknown(entry);
    } else if (entry.key != key->name) {  // references that are allowed are resolved by now
      report_->Invalid(entry.key_at, Name(key->name) + " takes no #env or #file; only kafka " +
                                         "properties, redis.url and config values do");
    }
  }
}

void SectionReader::ReportUnknown(const Entry& entry) const {
  const std::string_view base = BaseKey(entry.key);
  const auto later = LaterKeys();
  if (std::find(later.begin(), later.end(), base) != later.end()) {
    const bool cache = base == "cache";
    report_->NotAvailable(entry.key_at, Name(base), cache ? "set cache_bytes" : "");
    return;
  }
  const std::string place = where_.empty() ? "at the top level" : "in " + where_;
  std::string hint = BelongsUnder(base);
  if (hint.empty()) hint = DidYouMean(base, section_.names());
  report_->Invalid(entry.key_at, "unknown key " + Quoted(entry.key) + " " + place + hint);
}

const Entry* SectionReader::Find(std::string_view key) const {
  for (const Entry& entry : map_->entries) {
    if (entry.key == key && entry.value.kind != Node::Kind::kNull) return &entry;
  }
  return nullptr;
}

std::string SectionReader::Name(std::string_view key) const {
  return where_.empty() ? std::string(key) : where_ + "." + std::string(key);
}

bool SectionReader::ReadNumber(std::string_view key, int64_t* value) const {
  const Key& spec = *section_.Find(key);
  const Entry* entry = Find(key);
  if (!entry || entry->value.kind == Node::Kind::kFailed) return false;
  const Node& node = entry->value;
  const auto parsed = ParseValue(spec.type, node);
  if (!parsed) {
    const std::string hint =
        node.kind == Node::Kind::kScalar ? NearestForm(spec.type, node.text) : "";
    report_->Invalid(
        node.at, Name(key) + " must be " + FormOf(spec.type) + ", not " + KindName(node) + hint);
    return false;
  }
  if (*parsed < spec.min || *parsed > spec.max) {
    report_->Invalid(node.at, Name(key) + " must be from " + FormatValue(spec.type, spec.min) +
                                  " to " + FormatValue(spec.type, spec.max) + ", not " +
                                  Quoted(node.text));
    return false;
  }
  *value = *parsed;
  return true;
}

void SectionReader::Read(std::string_view key, int64_t* value) const { ReadNumber(key, value); }

void SectionReader::Read(std::string_view key, int* value) const {
  int64_t wide = 0;
  if (ReadNumber(key, &wide)) *value = static_cast<int>(wide);
}

void SectionReader::Read(std::string_view key, Millis* value) const {
  int64_t ms = 0;
  if (ReadNumber(key, &ms)) *value = Millis(ms);
}

void SectionReader::Read(std::string_view key, bool* value) const {
  const Entry* entry = Find(key);
  if (!entry || entry->value.kind == Node::Kind::kFailed) return;
  const Node& node = entry->value;
  const bool plain = node.kind == Node::Kind::kScalar && node.plain;
  if (const auto truth = plain ? ParseTruth(node.text) : std::nullopt) {
    *value = *truth;
  } else {
    report_->Invalid(node.at, Name(key) + " must be true or false, not " + KindName(node));
  }
}

void SectionReader::Read(std::string_view key, double* value) const {
  const Entry* entry = Find(key);
  if (!entry || entry->value.kind == Node::Kind::kFailed) return;
  const Node& node = entry->value;
  const bool plain = node.kind == Node::Kind::kScalar && node.plain;
  const auto max = static_cast<double>(section_.Find(key)->max);
  const auto number = plain ? ParseDecimal(node.text) : std::nullopt;
  if (number && *number <= max) {
    *value = *number;
  } else {
    report_->Invalid(node.at, Name(key) + " must be a number from 0 to " +
                                  std::to_string(section_.Find(key)->max) + " such as 0.05, not " +
                                  KindName(node));
  }
}

std::optional<size_t> SectionReader::ReadWordIndex(std::string_view key) const {
  const Entry* entry = Find(key);
  const std::string* text = entry ? TextOf(entry->value, Name(key), report_) : nullptr;
  if (!text) return std::nullopt;
  const auto words = section_.Find(key)->words;
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  std::string choice(words.front());
  for (size_t i = 1; i < words.size(); ++i) {
    choice += (i + 1 == words.size() ? " or " : ", ") + std::string(words[i]);
  }
  report_->Invalid(entry->value.at, Name(key) + " must be " + choice + ", not " + Quoted(*text) +
                                        DidYouMean(*text, words));
  return std::nullopt;
}

void SectionReader::Read(std::string_view key, std::string* value, const TextCheck& check) const {
  const Entry* entry = Find(key);
  const std::string* text = entry ? TextOf(entry->value, Name(key), report_) : nullptr;
  if (!text) return;
  std::string wrong = text->empty() ? "must not be empty" : "";
  if (wrong.empty() && check) wrong = check(*text);
  if (wrong.empty()) {
    *value = *text;
  } else {
    report_->Invalid(entry->value.at, Name(key) + " " + wrong);
  }
}

const Node* MapOf(const Entry& entry, const std::string& name, Report* report) {
  const Node& node = entry.value;
  if (node.kind == Node::Kind::kMap || node.kind == Node::Kind::kNull) return &node;
  if (node.kind != Node::Kind::kFailed) {
    const bool shown = node.kind == Node::Kind::kSequence;
    report->Invalid(node.at, name + " must be a map" + (shown ? ", not a list" : ""));
  }
  return nullptr;
}

const std::string* TextOf(const Node& node, const std::string& name, Report* report) {
  if (node.kind == Node::Kind::kScalar) return &node.text;
  if (node.kind != Node::Kind::kFailed) {
    report->Invalid(node.at, name + " must be one value, not " + KindName(node));
  }
  return nullptr;
}

}  // namespace millrace::config
