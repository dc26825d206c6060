// SPDX-License-Identifier: Apache-2.0
#include "function/function_directory.h"

#include <utility>

namespace millrace::function {

FunctionDirectory::FunctionDirectory(DirectoryOptions options,
                                     std::unique_ptr<DirectoryWatch> watch)
    : options_(std::move(options)),
      watch_(std::move(watch)),
      cache_(options_.cache_dir),
      catalog_(options_.mode, options_.watch.directory) {}

Result<std::unique_ptr<FunctionDirectory>> FunctionDirectory::Open(DirectoryOptions options) {
  auto watch = DirectoryWatch::Open(options.watch);
  if (!watch) return watch.error();
  return std::unique_ptr<FunctionDirectory>(
      new FunctionDirectory(std::move(options), *std::move(watch)));
}

void FunctionDirectory::Declare(const std::string& file, std::vector<FunctionSpec> functions) {
  catalog_.YamlRead(file, std::move(functions));
}

std::string FunctionDirectory::PathOf(const std::string& name) const {
  return name.starts_with('/') ? name : options_.watch.directory + "/" + name;
}

std::vector<CatalogEvent> FunctionDirectory::Poll() {
  for (const Change& change : watch_->Poll()) Take(change);
  // YAML may name libraries that the watch has not looked at.
  if (std::set<std::string> elsewhere = WantedElsewhere(); elsewhere != elsewhere_) {
    for (const std::string& name : elsewhere_)
      if (!elsewhere.contains(name)) catalog_.LibraryRemoved(name);
    elsewhere_ = elsewhere;
    watch_->WatchAlso(std::move(elsewhere));
    for (const Change& change : watch_->Poll()) Take(change);
  }
  ReadLibraries();
  // What is wanted has just been marked as used.
  if (!std::exchange(cache_cleaned_, true)) cache_.RemoveUnused();
  return catalog_.Reconcile();
}

std::set<std::string> FunctionDirectory::WantedElsewhere() const {
  std::set<std::string> elsewhere;
  for (const std::string& name : catalog_.LibrariesWanted())
    if (name.find('/') != std::string::npos || name[0] == '.' || !name.ends_with(".so"))
      elsewhere.insert(name);
  return elsewhere;
}

void FunctionDirectory::Take(const Change& change) {
  const bool is_library = change.name.ends_with(".so") || elsewhere_.contains(change.name);
  const bool removed = change.kind == Change::Kind::kRemoved;
  if (is_library && removed) {
    catalog_.LibraryRemoved(change.name);
  } else if (is_library) {
    catalog_.LibraryChanged(change.name);
  } else if (removed) {
    catalog_.YamlRemoved(change.name);
  } else {
    catalog_.YamlRead(change.name, options_.read_yaml(PathOf(change.name)));
  }
}

void FunctionDirectory::ReadLibraries() {
  for (const std::string& name : catalog_.LibrariesToRead()) {
    auto candidate = LoadCandidate(name);
    // What may succeed later stays unread and is tried again with the next Poll.
    if (!candidate && candidate.error().error_class == ErrorClass::kRetriable) {
      catalog_.LibraryDelayed(name, candidate.error().message);
      continue;
    }
    catalog_.LibraryRead(name, std::move(candidate));
  }
}

Result<Candidate> FunctionDirectory::LoadCandidate(const std::string& name) {
  auto bytes = ReadLibrary(PathOf(name));
  if (!bytes) return bytes.error();
  auto library = Library::Load(*bytes, &cache_);
  if (!library) return library.error();
  Candidate candidate{bytes->sha256, *library, std::nullopt};
  if (options_.mode == CatalogMode::kDev && options_.suggest)
    candidate.suggested = options_.suggest(**library);
  return candidate;
}

}  // namespace millrace::function
