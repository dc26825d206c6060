// SPDX-License-Identifier: Apache-2.0
#include "function/catalog.h"

#include <filesystem>
#include <utility>

namespace millrace::function {
namespace {

// Where a function stands, for people.
std::string Where(const FunctionSpec& spec, const std::string& file) {
  if (spec.position.line == 0) return file;
  return (spec.position.file.empty() ? file : spec.position.file) + ":" +
         std::to_string(spec.position.line);
}

}  // namespace

std::string LibraryFileName(const std::string& library, const std::string& functions_dir) {
  const std::filesystem::path base = std::filesystem::path(functions_dir).lexically_normal();
  std::filesystem::path path(library);
  if (path.is_relative()) path = base / path;
  path = path.lexically_normal();
  // "functions/" and "functions" are one directory.
  const auto directory = base.has_filename() ? base : base.parent_path();
  if (path.parent_path() == directory) return path.filename().string();
  std::filesystem::path outside(library);
  return outside.lexically_normal().string();
}

void Catalog::YamlRead(const std::string& file, Result<std::vector<FunctionSpec>> functions) {
  Yaml& yaml = yamls_[file];
  if (!functions) {
    yaml.problem = functions.error().message;
    return;
  }
  yaml.functions = *std::move(functions);
  yaml.problem.reset();
}

void Catalog::YamlRemoved(const std::string& file) { yamls_.erase(file); }

void Catalog::LibraryChanged(const std::string& file) {
  LibraryFile& library = libraries_[file];
  library.read.reset();
  library.delay.clear();
  library.probed = false;
}

void Catalog::SignatureChanged(const std::string& file) {
  if (libraries_.contains(file)) LibraryChanged(file);
}

void Catalog::LibraryRead(const std::string& file, Result<Candidate> candidate) {
  LibraryFile& library = libraries_[file];
  if (candidate) library.suggested = candidate->suggested;
  library.read.emplace(std::move(candidate));
}

void Catalog::LibraryDelayed(const std::string& file, std::string reason) {
  LibraryFile& library = libraries_[file];
  library.read.reset();
  library.delay = std::move(reason);
  library.probed = false;
}

// What has delayed it is told until there is an outcome, not in turns with its probe.
void Catalog::LibraryProbed(const std::string& file) {
  const LibraryFile& library = libraries_[file];
  if (!library.delay.empty() && !library.probed) return;
  LibraryDelayed(file, "library " + file + " is being probed");
  libraries_[file].probed = true;
}

void Catalog::LibraryRemoved(const std::string& file) { libraries_.erase(file); }

std::string Catalog::FileOf(const FunctionSpec& spec) const {
  return LibraryFileName(spec.library, functions_dir_);
}

std::set<std::string> Catalog::LibrariesWanted() const {
  std::set<std::string> wanted;
  for (const auto& [file, yaml] : yamls_)
    for (const FunctionSpec& spec : yaml.functions) wanted.insert(FileOf(spec));
  return wanted;
}

std::vector<std::string> Catalog::LibrariesToRead() const {
  const std::set<std::string> wanted = LibrariesWanted();
  std::vector<std::string> unread;
  for (const auto& [file, library] : libraries_)
    if (!library.read && (mode_ == CatalogMode::kDev || wanted.contains(file)))
      unread.push_back(file);
  return unread;
}

void Catalog::FindLibrary(Wanted* wanted) const {
  const auto library = libraries_.find(wanted->library);
  wanted->obstacle_file = wanted->library;
  if (library == libraries_.end()) {
    wanted->obstacle = CatalogEvent::Kind::kWaiting;
    wanted->reason = "waiting for library " + wanted->library;
  } else if (!library->second.read) {
    wanted->obstacle =
        library->second.probed ? CatalogEvent::Kind::kProbed : CatalogEvent::Kind::kWaiting;
    wanted->reason = library->second.delay.empty()
                         ? "library " + wanted->library + " is not read yet"
                         : library->second.delay;
  } else if (!*library->second.read) {
    wanted->obstacle = CatalogEvent::Kind::kRefused;
    wanted->reason = library->second.read->error().message;
  } else {
    wanted->candidate = &library->second.read->value();
  }
}

void Catalog::AddSuggested(std::map<std::string, Wanted>* wanted) const {
  const std::set<std::string> named = LibrariesWanted();
  for (const auto& [file, library] : libraries_) {
    if (named.contains(file) || !library.suggested) continue;
    Wanted suggested;
    suggested.spec = *library.suggested;
    suggested.file = suggested.library = file;
    FindLibrary(&suggested);
    wanted->emplace(suggested.spec.name, std::move(suggested));  // YAML, or the first file, wins
  }
}

std::map<std::string, Catalog::Wanted> Catalog::WantedFunctions() const {
  std::map<std::string, Wanted> wanted;
  for (const auto& [file, yaml] : yamls_) {
    for (const FunctionSpec& spec : yaml.functions) {
      Wanted function;
      function.spec = spec;
      function.file = file;
      function.library = FileOf(spec);
      const auto [entry, added] = wanted.emplace(spec.name, std::move(function));
      if (added) {
        FindLibrary(&entry->second);
        continue;
      }
      Wanted& first = entry->second;
      first.candidate = nullptr;
      first.obstacle = CatalogEvent::Kind::kRefused;
      first.obstacle_file = file;
      first.reason = "function '" + spec.name + "' is declared in " +
                     Where(first.spec, first.file) + " and in " + Where(spec, file) + ": keep one";
    }
  }
  if (mode_ == CatalogMode::kDev) AddSuggested(&wanted);
  return wanted;
}

void Catalog::ReconcileFunction(const std::string& name, const Wanted& wanted,
                                std::map<std::string, std::string>* problems,
                                std::vector<CatalogEvent>* events) {
  if (!wanted.candidate) {
    const auto told = problems_.find(name);
    if (wanted.obstacle == CatalogEvent::Kind::kProbed && told_.contains(name)) {
      // What runs is none the worse for it; what was wrong before stays so until the outcome.
      if (told != problems_.end()) (*problems)[name] = told->second;
      return;
    }
    if (told == problems_.end() || told->second != wanted.reason)
      events->push_back(
          {wanted.obstacle, name, wanted.obstacle_file, wanted.reason, wanted.spec, {}});
    (*problems)[name] = wanted.reason;
    return;
  }
  const auto told = told_.find(name);
  const bool started = told == told_.end();
  if (!started && told->second.sha256 == wanted.candidate->sha256 &&
      SameRequest(told->second.spec, wanted.spec))
    return;
  events->push_back({started ? CatalogEvent::Kind::kStarted : CatalogEvent::Kind::kReplaced, name,
                     wanted.file, "", wanted.spec, *wanted.candidate});
  told_[name] = {wanted.spec, wanted.candidate->sha256};
}

// Bad files that no function's own problem names.
void Catalog::ReconcileFiles(std::map<std::string, std::string>* problems,
                             std::vector<CatalogEvent>* events) const {
  const std::set<std::string> wanted = LibrariesWanted();
  for (const auto& [file, yaml] : yamls_)
    if (yaml.problem) (*problems)[file] = *yaml.problem;
  for (const auto& [file, library] : libraries_) {
    const bool counts = mode_ == CatalogMode::kDev && !wanted.contains(file) && !library.suggested;
    if (!counts) continue;
    if (!library.read && !library.delay.empty()) (*problems)[file] = library.delay;
    if (library.read && !*library.read) (*problems)[file] = library.read->error().message;
  }
  for (const auto& [file, reason] : *problems) {
    const auto told = problems_.find(file);
    if (told != problems_.end() && told->second == reason) continue;
    const auto library = libraries_.find(file);
    const bool delayed = library != libraries_.end() && !library->second.read;
    const auto kind = !delayed                 ? CatalogEvent::Kind::kRefused
                      : library->second.probed ? CatalogEvent::Kind::kProbed
                                               : CatalogEvent::Kind::kWaiting;
    events->push_back({kind, "", file, reason, {}, {}});
  }
}

std::vector<CatalogEvent> Catalog::Reconcile() {
  std::vector<CatalogEvent> events;
  const std::map<std::string, Wanted> wanted = WantedFunctions();
  for (auto told = told_.begin(); told != told_.end();) {
    const bool stays = wanted.contains(told->first);
    if (!stays)
      events.push_back({CatalogEvent::Kind::kRemoved, told->first, "", "", told->second.spec, {}});
    told = stays ? std::next(told) : told_.erase(told);
  }
  std::map<std::string, std::string> problems;
  ReconcileFiles(&problems, &events);
  for (const auto& [name, function] : wanted) ReconcileFunction(name, function, &problems, &events);
  problems_ = std::move(problems);
  return events;
}

std::optional<std::string> Catalog::Problem(const std::string& function_or_file) const {
  const auto found = problems_.find(function_or_file);
  if (found == problems_.end()) return std::nullopt;
  return found->second;
}

}  // namespace millrace::function
