// SPDX-License-Identifier: Apache-2.0
#include "config/host_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include "config/secret.h"
#include "config/section_reader.h"
#include "config/text.h"

namespace millrace::config {
namespace {

bool IsPropertyName(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

void ReadHttp(const SectionReader& host, ListenAddress* http) {
  const Entry* entry = host.Find("http");
  if (!entry) return;
  const SectionReader reader(HttpSection(), entry->value, host.Name("http"), host.report());
  std::string listen;
  reader.Read("listen", &listen, [](std::string_view text) -> std::string {
    if (ParseListen(text)) return {};
    const bool port_only = ParseInteger(text.substr(text.starts_with(':') ? 1 : 0)).has_value();
    const std::string port(text.substr(text.starts_with(':') ? 1 : 0));
    const std::string hint =
        port_only ? " (did you mean " + Quoted("127.0.0.1:" + port) + "?)" : "";
    return "must be an IP address and a port such as 127.0.0.1:8080 or [::1]:8080, not " +
           Quoted(text) + hint;
  });
  if (!listen.empty()) *http = *ParseListen(listen);
}

void ReadKeys(const SectionReader& trust, std::vector<std::string>* keys) {
  const Entry* entry = trust.Find("keys");
  if (!entry || entry->value.kind == Node::Kind::kFailed) return;
  const Node& list = entry->value;
  if (list.kind != Node::Kind::kSequence) {
    trust.report()->Invalid(list.at, trust.Name("keys") + " must be a list of public keys");
    return;
  }
  for (const Node& item : list.items) {
    const std::string* key = TextOf(item, trust.Name("keys"), trust.report());
    if (!key) continue;
    const std::string bad = CheckPublicKey(*key);
    if (bad.empty()) {
      keys->push_back(*key);
    } else {
      trust.report()->Invalid(item.at, trust.Name("keys") + " " + bad);
    }
  }
}

void ReadTrust(const SectionReader& host, TrustConfig* trust) {
  const Entry* entry = host.Find("trust");
  if (!entry) return;
  const SectionReader reader(TrustSection(), entry->value, host.Name("trust"), host.report());
  reader.Read("require", &trust->require);
  ReadKeys(reader, &trust->keys);
  if (trust->require && trust->keys.empty()) {
    host.report()->Invalid(entry->key_at, reader.Name("require") + " needs " + reader.Name("keys"));
  }
}

void ReadProperty(const Entry& property, Report* report, HostConfig* config) {
  const std::string_view owned = OwnedProperty(property.key);
  if (!owned.empty()) {
    report->Invalid(property.key_at, "kafka property " + Quoted(property.key) +
                                         " belongs to the host: " + std::string(owned));
    return;
  }
  if (!IsPropertyName(property.key)) {
    report->Invalid(property.key_at,
                    "a kafka property's name is a-z, 0-9, ., _ and -, not " + Quoted(property.key));
    return;
  }
  const std::string name = "kafka." + property.key;
  const std::string* text = TextOf(property.value, name, report);
  if (!text) return;
  const auto truth = property.value.plain ? ParseTruth(*text) : std::nullopt;
  config->kafka[property.key] = truth ? (*truth ? "true" : "false") : *text;
}

}  // namespace

void ReadHost(const Entry& host, Report* report, HostConfig* config) {
  const SectionReader reader(HostSection(), host.value, "host", report);
  reader.Read("namespace", &config->namespace_name, CheckFunctionName);
  reader.Read("id", &config->id, CheckHostId);
  reader.Read("functions_dir", &config->functions_dir);
  reader.Read("cache_dir", &config->cache_dir);
  reader.Read("drain_timeout", &config->drain_timeout);
  reader.Read("lane_queue_bytes", &config->lane_queue_bytes);
  reader.Read("lane_output_bytes", &config->lane_output_bytes);
  ReadHttp(reader, &config->http);
  ReadTrust(reader, &config->trust);
}

void ReadKafka(const Entry& kafka, Report* report, HostConfig* config) {
  const Node* map = MapOf(kafka, "kafka", report);
  if (!map) return;
  Node properties = *map;
  ResolveSecrets(&properties, report);
  for (const Entry& property : properties.entries) ReadProperty(property, report, config);
}

void ReadRedis(const Entry& redis, Report* report, HostConfig* config) {
  Node resolved = redis.value;
  if (resolved.kind == Node::Kind::kScalar) {  // most likely the URL itself, password and all
    report->Invalid(resolved.at, "redis must be a map of settings; write redis: { url: … }");
    return;
  }
  ResolveSecrets(&resolved, report);
  const SectionReader reader(RedisSection(), resolved, "redis", report);
  reader.Read("url", &config->redis_url, CheckRedisUrl);
}

}  // namespace millrace::config
