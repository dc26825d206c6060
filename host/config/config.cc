// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "config/file.h"
#include "config/function_reader.h"
#include "config/host_reader.h"
#include "config/key_table.h"
#include "config/section_reader.h"
#include "config/text.h"
#include "config/yaml_tree.h"

namespace millrace::config {
namespace {

enum class Holds { kEverything, kFunctionsOnly };

// Reads file after file into one configuration.
class Loader {
 public:
  explicit Loader(Holds holds) : holds_(holds) {}

  void AddFile(const std::string& path, FileKind kind) {
    Report report(path, &errors_);
    Result<std::string> text = ReadTextFile(path, {.bytes_max = kConfigBytesMax, .kind = kind});
    if (!text) {
      report.Invalid({}, "the file " + text.error().message);
      return;
    }
    for (const Node& document : ParseYaml(*text, &report)) AddDocument(document, &report);
    SortErrorsOf(path);
  }

  void AddError(const std::string& path, std::string what) {
    Report(path, &errors_).Invalid({}, std::move(what));
  }

  // Ends the reading: what only the whole can tell.
  ConfigResult<HostConfig> Finish() {
    for (FunctionSpec& function : config_.functions) {
      if (function.group.empty()) {
        function.group = DefaultGroup(config_.namespace_name, function.name);
      }
    }
    for (ConfigError& conflict : CheckUnique(config_.functions)) {
      Report(conflict.file, &errors_)
          .Invalid({conflict.line, conflict.column}, std::move(conflict.what));
    }
    if (!errors_.empty()) return std::move(errors_);
    return std::move(config_);
  }

  HostConfig* config() { return &config_; }

 private:
  using Reader = void (*)(const Entry&, Report*, HostConfig*);

  void AddDocument(const Node& document, Report* report) {
    const SectionReader root(RootSection(), document, "", report);
    ReadOnce(root, "host", &host_, ReadHost);
    ReadOnce(root, "kafka", &kafka_, ReadKafka);
    ReadOnce(root, "redis", &redis_, ReadRedis);
    const Entry* functions = root.Find("functions");
    const Node* map = functions ? MapOf(*functions, "functions", report) : nullptr;
    if (map) AddFunctions(*map, report);
  }

  // `first` is where the part was given before, if it was.
  void ReadOnce(const SectionReader& root, std::string_view part, std::string* first, Reader read) {
    Report* report = root.report();
    const Entry* entry = root.Find(part);
    if (!entry) return;
    if (holds_ == Holds::kFunctionsOnly) {
      report->Invalid(entry->key_at, std::string(part) +
                                         " belongs in the host's own configuration; a file in "
                                         "functions_dir holds functions alone");
    } else if (!first->empty()) {
      report->Invalid(entry->key_at, std::string(part) + " is given twice, before at " + *first);
    } else {
      *first = report->Place(entry->key_at);
      read(*entry, report, &config_);
    }
  }

  void AddFunctions(const Node& map, Report* report) {
    for (const Entry& entry : map.entries) {
      if (config_.functions.size() == kFunctionsMax) {
        report->Invalid(entry.key_at,
                        "more than " + std::to_string(kFunctionsMax) + " functions in one host");
        return;
      }
      config_.functions.push_back(ReadFunction(entry, report));
    }
  }

  // Errors of the parser and the readers, in the order of lines.
  void SortErrorsOf(const std::string& path) {
    const auto begin = std::find_if(errors_.begin(), errors_.end(),
                                    [&path](const ConfigError& e) { return e.file == path; });
    const auto end = errors_.size() > kErrorsMax ? errors_.end() - 1 : errors_.end();
    if (begin >= end) return;
    std::stable_sort(begin, end, [](const ConfigError& a, const ConfigError& b) {
      return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
  }

  Holds holds_;
  HostConfig config_;
  ConfigErrors errors_;
  std::string host_, kafka_, redis_;
};

std::string PlaceOf(const SourcePosition& at) { return at.file + ":" + std::to_string(at.line); }

void AddConflict(const SourcePosition& at, std::string what, ConfigErrors* errors) {
  errors->push_back({at.file, at.line, at.column, std::move(what)});
}

}  // namespace

ConfigResult<HostConfig> LoadConfig(const std::string& path) {
  Loader loader(Holds::kEverything);
  if (!IsFolder(path)) {
    loader.AddFile(path, FileKind::kAny);
    return loader.Finish();
  }
  const Result<std::vector<std::string>> files = ListYamlFiles(path);
  if (!files) {
    loader.AddError(path, "the folder " + files.error().message);
  } else if (files->empty()) {
    loader.AddError(path, "the folder holds no *.yaml and no *.yml");
  } else {
    for (const std::string& file : *files) loader.AddFile(file, FileKind::kRegular);
  }
  return loader.Finish();
}

ConfigResult<std::vector<FunctionSpec>> LoadFunctions(const std::string& path,
                                                      const std::string& namespace_name) {
  Loader loader(Holds::kFunctionsOnly);
  loader.config()->namespace_name = namespace_name;
  loader.AddFile(path, FileKind::kRegular);
  ConfigResult<HostConfig> config = loader.Finish();
  if (!config) return std::move(config).error();
  return std::move(config->functions);
}

ConfigErrors CheckUnique(const std::vector<FunctionSpec>& functions) {
  ConfigErrors errors;
  std::map<std::string, const FunctionSpec*> names, groups;
  for (const FunctionSpec& function : functions) {
    const auto [same_name, new_name] = names.emplace(function.name, &function);
    if (!new_name) {
      AddConflict(function.position,
                  "function " + Quoted(function.name) + " is defined twice, before at " +
                      PlaceOf(same_name->second->position),
                  &errors);
      continue;
    }
    const auto [same_group, new_group] = groups.emplace(function.group, &function);
    if (!new_group) {
      AddConflict(function.position,
                  "function " + Quoted(function.name) + " has the group " + Quoted(function.group) +
                      " of function " + Quoted(same_group->second->name) + ", defined at " +
                      PlaceOf(same_group->second->position),
                  &errors);
    }
  }
  return errors;
}

}  // namespace millrace::config
