// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "config/key_table.h"
#include "config/report.h"
#include "config/yaml_tree.h"

namespace millrace::config {

// Says in what way `text` is wrong, or nothing. Never repeats the text when it may hold a secret.
using TextCheck = std::function<std::string(std::string_view text)>;

// Reads one map by its section of the key table: reports unknown keys when made, and wrong types
// and ranges as they are read. A value that is absent or wrong leaves the target as it is. Borrows
// all that it is made from.
class SectionReader {
 public:
  // `where` is how messages call the map ("functions.page-edits.batch"; "" = top level). A null map
  // is an empty one.
  SectionReader(const Section& section, const Node& map, std::string where, Report* report);

  // The entry of a key of the section, or null. Null values count as absent.
  const Entry* Find(std::string_view key) const;

  void Read(std::string_view key, int* value) const;
  void Read(std::string_view key, int64_t* value) const;
  void Read(std::string_view key, Millis* value) const;
  void Read(std::string_view key, bool* value) const;
  void Read(std::string_view key, double* value) const;  // of type kDecimal
  void Read(std::string_view key, std::string* value, const TextCheck& check = {}) const;

  // For a key of type kWord, whose words stand in the order of the enumerators.
  template <class Enum>
  void ReadWord(std::string_view key, Enum* value) const {
    if (const auto index = ReadWordIndex(key)) *value = static_cast<Enum>(*index);
  }

  // "functions.page-edits.lanes"
  std::string Name(std::string_view key) const;
  const std::string& where() const { return where_; }
  Report* report() const { return report_; }

 private:
  void CheckKeys(const Node& map) const;
  void ReportUnknown(const Entry& entry) const;
  bool ReadNumber(std::string_view key, int64_t* value) const;
  std::optional<size_t> ReadWordIndex(std::string_view key) const;

  const Section& section_;
  const Node* map_;
  std::string where_;
  Report* report_;
};

// The map below `entry`, reporting anything else than a map or null under the name `name`; null
// when it is neither.
const Node* MapOf(const Entry& entry, const std::string& name, Report* report);
// The scalar's text, reporting any other node under the name `name`; null when it is none.
const std::string* TextOf(const Node& node, const std::string& name, Report* report);

}  // namespace millrace::config
