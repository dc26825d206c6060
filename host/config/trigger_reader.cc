// SPDX-License-Identifier: Apache-2.0
#include "config/trigger_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "config/names.h"
#include "config/suggestion.h"
#include "config/text.h"

namespace millrace::config {
namespace {

// Reads the topics of one trigger after the other, so that none comes twice in a function.
class TopicReader {
 public:
  explicit TopicReader(const SectionReader& function)
      : where_(function.where()), report_(function.report()) {}

  std::vector<std::string> Read(const SectionReader& trigger, At trigger_at) {
    std::vector<std::string> topics;
    const Entry* one = trigger.Find("topic");
    const Entry* list = trigger.Find("topics");
    if (one && list) report_->Invalid(one->key_at, "give either topic or topics, not both");
    if (!one && !list) report_->Invalid(trigger_at, trigger.where() + " needs topics");
    if (one) Add(one->value, trigger.Name("topic"), &topics);
    if (list) AddList(*list, trigger.Name("topics"), &topics);
    return topics;
  }

 private:
  void AddList(const Entry& entry, const std::string& name, std::vector<std::string>* topics) {
    const Node& list = entry.value;
    if (list.kind == Node::Kind::kFailed) return;
    if (list.kind != Node::Kind::kSequence) {
      const bool scalar = list.kind == Node::Kind::kScalar;
      const std::string hint = scalar ? " (did you mean \"[" + list.text + "]\"?)" : "";
      report_->Invalid(list.at, name + " must be a list of topics" + hint);
      return;
    }
    if (list.items.empty()) report_->Invalid(list.at, name + " must not be empty");
    for (const Node& item : list.items) Add(item, name, topics);
  }

  void Add(const Node& node, const std::string& name, std::vector<std::string>* topics) {
    const std::string* topic = TextOf(node, name, report_);
    if (!topic) return;
    const std::string bad = CheckTopicName(*topic);
    if (!bad.empty()) {
      report_->Invalid(node.at, name + " " + bad);
    } else if (!seen_.insert(*topic).second) {
      report_->Invalid(node.at, "topic " + Quoted(*topic) + " comes twice in " + where_);
    } else if (seen_.size() > kTopicsMax) {
      if (seen_.size() == kTopicsMax + 1) {
        report_->Invalid(node.at,
                         where_ + " has more than " + std::to_string(kTopicsMax) + " topics");
      }
    } else {
      topics->push_back(*topic);
    }
  }

  std::string where_;
  Report* report_;
  std::set<std::string> seen_;
};

StartPosition ReadStart(const SectionReader& trigger) {
  constexpr std::array<std::string_view, 2> kWords{"earliest", "latest"};
  using Kind = StartPosition::Kind;
  const Entry* entry = trigger.Find("start");
  if (!entry || entry->value.kind == Node::Kind::kFailed) return {};
  const Node& node = entry->value;
  const std::string text = node.kind == Node::Kind::kScalar ? node.text : "";
  if (text == "earliest") return {Kind::kEarliest};
  if (text == "latest") return {Kind::kLatest};
  const auto ms = ParseInteger(text);
  if (ms && *ms >= 0) return {Kind::kTimestamp, *ms};
  if (const auto time = ParseTimestampMs(text)) return {Kind::kTimestamp, *time};
  const std::string hint = text.empty() ? "" : ", not " + Quoted(text) + DidYouMean(text, kWords);
  trigger.report()->Invalid(node.at, trigger.Name("start") +
                                         " must be earliest, latest, a time such as "
                                         "2015-09-12T00:00:00Z or milliseconds since 1970" +
                                         hint);
  return {};
}

std::optional<HeaderFilter> ReadFilter(const SectionReader& trigger) {
  const Entry* entry = trigger.Find("filter");
  if (!entry) return std::nullopt;
  const SectionReader reader(FilterSection(), entry->value, trigger.Name("filter"),
                             trigger.report());
  if (entry->value.kind != Node::Kind::kMap) return std::nullopt;
  HeaderFilter filter;
  reader.Read("header", &filter.name);
  if (const Entry* equals = reader.Find("equals")) {  // may be empty, as a header's value may
    const std::string* value = TextOf(equals->value, reader.Name("equals"), reader.report());
    if (value) filter.value = *value;
  }
  for (std::string_view key : {"header", "equals"}) {
    if (!reader.Find(key)) {
      trigger.report()->Invalid(entry->key_at, reader.Name(key) + " is missing");
    }
  }
  return filter;
}

// Says of every key beside kafka what it is; true when there is a kafka trigger to be read.
bool CheckTriggerKinds(const Node& node, const std::string& where, Report* report) {
  const auto later = LaterTriggers();
  if (node.kind == Node::Kind::kFailed) return false;
  if (node.kind != Node::Kind::kMap || node.entries.empty()) {
    report->Invalid(node.at, where + " must be a kind of trigger and its settings, for instance " +
                                 "kafka: { topics: [input] }");
    return false;
  }
  bool kafka = false;
  for (const Entry& entry : node.entries) {
    const bool is_later = std::find(later.begin(), later.end(), entry.key) != later.end();
    if (entry.key == "kafka") {
      kafka = true;
    } else if (is_later) {
      report->NotAvailable(entry.key_at, "a trigger of kind " + entry.key, "kafka is");
    } else {
      report->Invalid(entry.key_at, "unknown kind of trigger " + Quoted(entry.key) + " in " +
                                        where + DidYouMean(entry.key, TriggerSection().names()));
    }
  }
  return kafka;
}

}  // namespace

std::vector<KafkaTrigger> ReadTriggers(const SectionReader& function, At function_at) {
  std::vector<KafkaTrigger> triggers;
  Report* report = function.report();
  const std::string where = function.Name("triggers");
  const Entry* list = function.Find("triggers");
  if (!list) {
    report->Invalid(function_at, where + " is missing; name the input topics, for instance " +
                                     "triggers: [{ kafka: { topics: [input] } }]");
    return triggers;
  }
  if (list->value.kind != Node::Kind::kSequence || list->value.items.empty()) {
    if (list->value.kind == Node::Kind::kFailed) return triggers;
    report->Invalid(list->value.at, where + " must be a list with at least one trigger");
    return triggers;
  }
  TopicReader topics(function);
  for (const Node& item : list->value.items) {
    if (!CheckTriggerKinds(item, where, report)) continue;
    const auto kafka = std::find_if(item.entries.begin(), item.entries.end(),
                                    [](const Entry& entry) { return entry.key == "kafka"; });
    const SectionReader reader(KafkaTriggerSection(), kafka->value, where + ".kafka", report);
    if (kafka->value.kind == Node::Kind::kNull || kafka->value.kind == Node::Kind::kMap) {
      triggers.push_back(
          {topics.Read(reader, kafka->key_at), ReadStart(reader), ReadFilter(reader)});
      reader.Read("deduplicate", &triggers.back().deduplicate);
    }
  }
  return triggers;
}

}  // namespace millrace::config
