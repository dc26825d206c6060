// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "config/key_table.h"

namespace millrace::config {

// Makes the JSON Schema (draft 2020-12) of a configuration from the key table.
class SchemaText {
 public:
  std::string Make() {
    boost::json::object schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                               {"title", "millrace configuration"}};
    for (auto& [key, value] : OfSection(RootSection())) schema[key] = value;
    Print(schema, "");
    return text_ + "\n";
  }

 private:
  using Object = boost::json::object;
  using Array = boost::json::array;

  static boost::json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

  static Object OfSection(const Section& section) {
    Object properties;
    Array required;
    for (const Key& key : section.keys) {
      properties[View(key.name)] = OfKey(key);
      if (key.need == Key::Need::kRequired) required.push_back(View(key.name));
      if (key.secret == Key::Secret::kNo || key.type != KeyType::kText) continue;
      for (const char* suffix : {"#env", "#file"}) {
        properties[std::string(key.name) + suffix] = Object{{"type", "string"}};
      }
    }
    Object schema{{"type", Array{"object", "null"}},
                  {"additionalProperties", false},
                  {"properties", std::move(properties)}};
    if (!required.empty()) schema["required"] = std::move(required);
    return schema;
  }

  static Object OfKey(const Key& key) {
    Object schema = OfType(key);
    schema["description"] = View(key.about);
    if (!key.default_text.empty()) schema["default"] = DefaultOf(key);
    return schema;
  }

  static boost::json::value DefaultOf(const Key& key) {
    if (key.type == KeyType::kInteger) return std::stoi(std::string(key.default_text));
    if (key.type == KeyType::kDecimal) return std::stod(std::string(key.default_text));
    if (key.type == KeyType::kFlag) return key.default_text == "true";
    return View(key.default_text);
  }

  static Object Text(const Key& key) {
    Object schema{{"type", Array{"string", "number", "boolean"}}};
    if (!key.pattern.empty()) schema["pattern"] = View(key.pattern);
    return schema;
  }

  static Object Word(const Key& key) {
    Array words;
    for (std::string_view word : key.words) words.push_back(View(word));
    return {{"enum", std::move(words)}};
  }

  static Object OfType(const Key& key) {
    switch (key.type) {
      case KeyType::kText:
        return Text(key);
      case KeyType::kWord:
        return Word(key);
      case KeyType::kFlag:
        return {{"type", "boolean"}};
      case KeyType::kInteger:
        return {{"type", "integer"}, {"minimum", key.min}, {"maximum", key.max}};
      case KeyType::kDecimal:
        return {{"type", "number"}, {"minimum", 0}, {"maximum", key.max}};
      case KeyType::kDuration:
        return {{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h)$"}};
      case KeyType::kSize:
        return {{"type", Array{"integer", "string"}},
                {"minimum", key.min},
                {"maximum", key.max},
                {"pattern", "^[0-9]+(KiB|MiB|GiB)?$"}};
      case KeyType::kSection:
        return OfSection(*key.section);
      case KeyType::kSections:
        return {{"type", "array"}, {"minItems", 1}, {"items", OfSection(*key.section)}};
      case KeyType::kFunctions:
        return {{"type", Array{"object", "null"}},
                {"propertyNames", Object{{"pattern", "^[a-z0-9][a-z0-9-]{0,62}$"}}},
                {"additionalProperties", OfSection(*key.section)}};
      case KeyType::kTextMap:
        return OfTextMap(key);
      case KeyType::kTextList:
        return {{"type", "array"}, {"minItems", 1}, {"items", Text(key)}};
      case KeyType::kTree:
        return {{"type", Array{"object", "null"}}};
    }
    return {};
  }

  static Object OfTextMap(const Key& key) {
    Object schema{{"type", Array{"object", "null"}}, {"additionalProperties", Text(key)}};
    if (key.name != "kafka") return schema;
    std::string owned = "^(enable\\.auto\\..*";
    for (std::string_view property : OwnedProperties()) {
      owned += '|';
      for (const char c : property) owned += c == '.' ? "\\." : std::string(1, c);
    }
    schema["propertyNames"] = Object{{"not", Object{{"pattern", owned + ")(#env|#file)?$"}}}};
    return schema;
  }

  // Two spaces a level, lists of plain values in one line.
  void Print(const boost::json::value& value, const std::string& indent) {
    if (!value.is_object()) {
      text_ += boost::json::serialize(value);
      return;
    }
    const std::string deeper = indent + "  ";
    const char* separator = "{\n";
    for (const auto& [key, member] : value.get_object()) {
      text_ += separator + deeper + boost::json::serialize(key) + ": ";
      Print(member, deeper);
      separator = ",\n";
    }
    text_ += "\n" + indent + "}";
  }

  std::string text_;
};

}  // namespace millrace::config
