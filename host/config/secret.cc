// SPDX-License-Identifier: Apache-2.0
#include "config/secret.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <string>

#include "config/file.h"
#include "config/text.h"

namespace millrace::config {
namespace {

bool IsVariableName(const std::string& name) {
  const auto is_part = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), is_part);
}

std::optional<std::string> FromEnvironment(const Entry& entry, Report* report) {
  // Somebody may have put the secret itself here: only a proper name is ever shown.
  if (!IsVariableName(entry.value.text)) {
    report->Invalid(entry.value.at, entry.key + " needs the name of an environment variable");
    return std::nullopt;
  }
  const char* value = std::getenv(entry.value.text.c_str());
  if (value) return value;
  report->Invalid(entry.value.at,
                  entry.key + ": environment variable " + Quoted(entry.value.text) + " is not set");
  return std::nullopt;
}

std::optional<std::string> FromFile(const Entry& entry, Report* report) {
  Result<std::string> text =
      ReadTextFile(entry.value.text, {.bytes_max = kSecretBytesMax, .kind = FileKind::kRegular});
  if (!text) {
    report->Invalid(entry.value.at, entry.key + ": the file " + text.error().message);
    return std::nullopt;
  }
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  return *std::move(text);
}

void Resolve(Entry* entry, std::string_view base, Report* report) {
  Node& node = entry->value;
  if (node.kind == Node::Kind::kFailed) return;
  const bool from_environment = entry->key.ends_with("#env");
  std::optional<std::string> value;
  if (node.kind != Node::Kind::kScalar || node.text.empty()) {
    report->Invalid(node.at,
                    entry->key + (from_environment ? " needs the name of an environment variable"
                                                   : " needs the path of a file"));
  } else {
    value = from_environment ? FromEnvironment(*entry, report) : FromFile(*entry, report);
  }
  if (value && (value->find('\0') != std::string::npos || !IsUtf8(*value))) {
    report->Invalid(node.at, entry->key + ": what it names is not UTF-8 text");
    value.reset();
  }
  node.kind = value ? Node::Kind::kScalar : Node::Kind::kFailed;
  node.text = value.value_or("");
  node.plain = false;
  node.secret = true;
  entry->key = std::string(base);
}

}  // namespace

void ResolveSecrets(Node* node, Report* report) {
  for (Node& item : node->items) ResolveSecrets(&item, report);
  for (Entry& entry : node->entries) {
    const std::string base(BaseKey(entry.key));
    if (base != entry.key) {
      Resolve(&entry, base, report);
    } else {
      ResolveSecrets(&entry.value, report);
    }
  }
}

}  // namespace millrace::config
