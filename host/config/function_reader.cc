// SPDX-License-Identifier: Apache-2.0
#include "config/function_reader.h"

#include <algorithm>

#include "config/function_config.h"
#include "config/names.h"
#include "config/secret.h"
#include "config/section_reader.h"
#include "config/trigger_reader.h"

namespace millrace::config {
namespace {

void ReadBatch(const SectionReader& function, BatchLimits* batch) {
  const Entry* entry = function.Find("batch");
  if (!entry) return;
  const SectionReader reader(BatchSection(), entry->value, function.Name("batch"),
                             function.report());
  reader.Read("max_records", &batch->max_records);
  reader.Read("max_wait", &batch->max_wait);
}

void ReadSwap(const SectionReader& function, SwapRules* swap) {
  const Entry* entry = function.Find("swap");
  if (!entry) return;
  const SectionReader reader(SwapSection(), entry->value, function.Name("swap"), function.report());
  reader.Read("max_error_rate", &swap->max_error_rate);
  reader.Read("watch", &swap->watch);
}

void ReadLimits(const SectionReader& function, Limits* limits) {
  const Entry* entry = function.Find("limits");
  if (!entry) return;
  const SectionReader reader(LimitsSection(), entry->value, function.Name("limits"),
                             function.report());
  reader.Read("timeout", &limits->timeout);
  if (int64_t bytes = 0; reader.Find("memory")) {
    reader.Read("memory", &bytes);
    limits->memory = bytes;
  }
  if (double cpus = 0; reader.Find("cpu")) {
    reader.Read("cpu", &cpus);
    limits->cpu = cpus;
  }
}

void ReadOutput(const Entry& output, const std::string& name, Report* report,
                std::map<std::string, std::string>* outputs) {
  const std::string bad_name = CheckOutputName(output.key);
  if (!bad_name.empty()) {
    report->Invalid(output.key_at, "the output's name " + bad_name);
    return;
  }
  if (output.value.kind == Node::Kind::kMap) {
    const auto& settings = output.value.entries;
    const std::string instead = "write " + output.key + ": <topic>";
    if (settings.empty()) report->NotAvailable(output.value.at, name + " as a map", instead);
    for (const Entry& setting : settings) {
      report->NotAvailable(setting.key_at, name + "." + setting.key, instead);
    }
    return;
  }
  const std::string* topic = TextOf(output.value, name, report);
  if (!topic) return;
  const std::string bad_topic = CheckTopicName(*topic);
  if (!bad_topic.empty()) report->Invalid(output.value.at, name + " " + bad_topic);
  outputs->emplace(output.key, *topic);
}

void ReadOutputs(const SectionReader& function, std::map<std::string, std::string>* outputs) {
  const Entry* entry = function.Find("outputs");
  const Node* map = entry ? MapOf(*entry, function.Name("outputs"), function.report()) : nullptr;
  if (!map) return;
  for (const Entry& output : map->entries) {
    ReadOutput(output, function.Name("outputs") + "." + output.key, function.report(), outputs);
  }
}

void ReadConfig(const SectionReader& function, std::map<std::string, std::string>* config) {
  const Entry* entry = function.Find("config");
  const std::string name = function.Name("config");
  const Node* map = entry ? MapOf(*entry, name, function.report()) : nullptr;
  if (!map) return;
  Node resolved = *map;
  ResolveSecrets(&resolved, function.report());
  *config = FlattenConfig(resolved, name, function.report());
}

}  // namespace

FunctionSpec ReadFunction(const Entry& entry, Report* report) {
  FunctionSpec spec;
  spec.name = entry.key;
  spec.position = {report->file(), entry.key_at.line, entry.key_at.column};
  const std::string bad_name = CheckFunctionName(entry.key);
  if (!bad_name.empty()) report->Invalid(entry.key_at, "the function's name " + bad_name);

  const SectionReader reader(FunctionSection(), entry.value, "functions." + entry.key, report);
  spec.library = DefaultLibrary(entry.key);
  reader.Read("library", &spec.library);
  reader.Read("group", &spec.group, CheckTopicName);
  reader.ReadWord("delivery", &spec.delivery);
  reader.ReadWord("on_state_loss", &spec.policies.on_state_loss);
  reader.ReadWord("on_retention_loss", &spec.policies.on_retention_loss);
  reader.ReadWord("on_offset_reset", &spec.policies.on_offset_reset);
  reader.Read("lanes", &spec.lanes);
  ReadBatch(reader, &spec.batch);
  ReadSwap(reader, &spec.swap);
  reader.ReadWord("isolation", &spec.isolation);
  ReadLimits(reader, &spec.limits);
  reader.Read("commit_interval", &spec.commit_interval);
  reader.Read("commit_max_effects", &spec.commit_max_effects);
  reader.Read("commit_max_bytes", &spec.commit_max_bytes);
  reader.Read("max_crashes", &spec.max_crashes);
  reader.Read("cache_bytes", &spec.cache_bytes);
  spec.triggers = ReadTriggers(reader, entry.key_at);
  ReadOutputs(reader, &spec.outputs);
  ReadConfig(reader, &spec.config);
  return spec;
}

std::string DefaultLibrary(const std::string& function) {
  std::string library = function + ".so";
  std::replace(library.begin(), library.end(), '-', '_');
  return library;
}

std::string DefaultGroup(const std::string& namespace_name, const std::string& function) {
  return "millrace." + namespace_name + "." + function;
}

}  // namespace millrace::config
