// SPDX-License-Identifier: Apache-2.0
#include "config/function_config.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <utility>

#include "config/text.h"

namespace millrace::config {
namespace {

std::string JsonString(const std::string& text) {
  return boost::json::serialize(boost::json::string_view(text));
}

// Numbers are written digit by digit as they stand: through a double, 1.10 and large integers would
// change.
std::string ScalarJson(const Node& node) {
  if (node.plain) {
    if (const auto truth = ParseTruth(node.text)) return *truth ? "true" : "false";
    if (auto number = JsonNumber(node.text)) return *std::move(number);
  }
  return JsonString(node.text);
}

std::string ScalarText(const Node& node) {
  const auto truth = node.plain ? ParseTruth(node.text) : std::nullopt;
  if (truth) return *truth ? "true" : "false";
  return node.text;
}

class Flattener {
 public:
  Flattener(std::string name, Report* report) : name_(std::move(name)), report_(report) {}

  // Adds everything in and below `node` and returns it as JSON.
  std::string Add(const Node& node, const std::string& path, At key_at) {
    switch (node.kind) {
      case Node::Kind::kScalar:
        Put(path, ScalarText(node), key_at);
        return ScalarJson(node);
      case Node::Kind::kSequence:
        return Put(path, ListJson(node), key_at);
      case Node::Kind::kMap:
        return Put(path, MapJson(node, path), key_at);
      default:
        return "null";
    }
  }

  // The map itself has no path of its own at the top.
  std::string MapJson(const Node& map, const std::string& path) {
    std::string json = "{";
    for (const Entry& entry : map.entries) {
      if (json.size() > 1) json += ',';
      const std::string below = path.empty() ? entry.key : path + "." + entry.key;
      json += JsonString(entry.key) + ":" + Add(entry.value, below, entry.key_at);
    }
    return json + "}";
  }

  std::map<std::string, std::string> TakeValues() { return std::move(values_); }

 private:
  // What is in a list is reached through the list alone, so nothing in it has a path.
  static std::string ListJson(const Node& list) {
    std::string json = "[";
    for (const Node& item : list.items) {
      if (json.size() > 1) json += ',';
      json += ItemJson(item);
    }
    return json + "]";
  }

  static std::string ItemJson(const Node& item) {
    if (item.kind == Node::Kind::kScalar) return ScalarJson(item);
    if (item.kind == Node::Kind::kSequence) return ListJson(item);
    if (item.kind != Node::Kind::kMap) return "null";
    std::string json = "{";
    for (const Entry& entry : item.entries) {
      if (json.size() > 1) json += ',';
      json += JsonString(entry.key) + ":" + ItemJson(entry.value);
    }
    return json + "}";
  }

  std::string Put(const std::string& path, std::string value, At at) {
    const auto [there, added] = values_.emplace(path, value);
    if (!added) report_->Invalid(at, "two keys lead to " + Quoted(path) + " in " + name_);
    return value;
  }

  std::string name_;
  Report* report_;
  std::map<std::string, std::string> values_;
};

}  // namespace

std::map<std::string, std::string> FlattenConfig(const Node& config, const std::string& name,
                                                 Report* report) {
  Flattener flattener(name, report);
  flattener.MapJson(config, "");
  return flattener.TakeValues();
}

}  // namespace millrace::config
