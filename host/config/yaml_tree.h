// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"

namespace millrace::config {

struct Entry;

// YAML as read, with a position for every key and every value. A value: owns what is below it.
struct Node {
  enum class Kind {
    kNull,
    kScalar,
    kSequence,
    kMap,
    kFailed,  // already reported; readers pass over it
  };
  Kind kind = Kind::kNull;
  At at;
  std::string text;            // kScalar
  bool plain = false;          // kScalar: not quoted, so it may be a number or a truth value
  bool secret = false;         // kScalar: came from the environment or a file; never shown
  std::vector<Node> items;     // kSequence
  std::vector<Entry> entries;  // kMap: in the order of the file, no key twice
};

struct Entry {
  std::string key;
  At key_at;
  Node value;
};

constexpr int kDepthMax = 32;
constexpr size_t kNodesMax = 200'000;  // per file

// The part of a setting's name that counts as the key: "url" for "url", "url#env", "url#file".
std::string_view BaseKey(std::string_view key);

// The documents of one file; empty documents are left out. Duplicate keys, aliases, merge keys and
// tags are reported and left out of the tree. What cannot be parsed is reported too; the documents
// before it are returned. Time and memory are linear in the size of `text`.
std::vector<Node> ParseYaml(std::string_view text, Report* report);

}  // namespace millrace::config
