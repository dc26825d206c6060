// SPDX-License-Identifier: Apache-2.0
#include "function/function_directory.h"

#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/system_text.h"

namespace millrace::function {

namespace {

constexpr const char* kSignatureSuffix = ".sig";

bool Add(int epoll, int fd) {
  epoll_event wanted{.events = EPOLLIN, .data = {}};
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

}  // namespace

FunctionDirectory::FunctionDirectory(DirectoryOptions options,
                                     std::unique_ptr<DirectoryWatch> watch,
                                     std::unique_ptr<Admission> admission, UniqueFd epoll)
    : options_(std::move(options)),
      watch_(std::move(watch)),
      admission_(std::move(admission)),
      epoll_(std::move(epoll)),
      catalog_(options_.mode, options_.watch.directory) {}

Result<std::unique_ptr<FunctionDirectory>> FunctionDirectory::Open(DirectoryOptions options) {
  auto watch = DirectoryWatch::Open(options.watch);
  if (!watch) return watch.error();
  auto admission = Admission::Open(options.admission);
  if (!admission) return admission.error();
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll || !Add(epoll.get(), (*watch)->fd()) || !Add(epoll.get(), (*admission)->fd())) {
    return Retriable(SystemText(options.watch.directory + ": epoll", errno));
  }
  return std::unique_ptr<FunctionDirectory>(new FunctionDirectory(
      std::move(options), *std::move(watch), *std::move(admission), std::move(epoll)));
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
    for (const std::string& name : elsewhere_) elsewhere.insert(name + kSignatureSuffix);
    watch_->WatchAlso(std::move(elsewhere));
    for (const Change& change : watch_->Poll()) Take(change);
  }
  ReadLibraries();
  // What is wanted has just been marked as used.
  if (!std::exchange(cache_cleaned_, true)) admission_->cache()->RemoveUnused();
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
  if (change.name.ends_with(kSignatureSuffix)) {
    const std::string library =
        change.name.substr(0, change.name.size() - std::string_view(kSignatureSuffix).size());
    admission_->Forget(PathOf(library));
    return catalog_.SignatureChanged(library);
  }
  const bool is_library = change.name.ends_with(".so") || elsewhere_.contains(change.name);
  const bool removed = change.kind == Change::Kind::kRemoved;
  if (is_library) admission_->Forget(PathOf(change.name));
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
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::vector<std::string> unread = catalog_.LibrariesToRead();
  std::set<std::string> paths;
  for (const std::string& name : unread) paths.insert(PathOf(name));
  admission_->KeepOnly(paths);
  for (const std::string& name : unread) {
    auto admitted = admission_->Take(PathOf(name), now);
    if (!admitted) {
      catalog_.LibraryProbed(name);
    } else if (*admitted) {
      catalog_.LibraryRead(name, CandidateOf(**std::move(admitted)));
    } else if (admitted->error().error_class == ErrorClass::kRetriable) {
      // What may succeed later stays unread and is tried again with the next Poll.
      catalog_.LibraryDelayed(name, admitted->error().message);
    } else {
      catalog_.LibraryRead(name, admitted->error());
    }
  }
}

Candidate FunctionDirectory::CandidateOf(AdmittedLibrary admitted) const {
  Candidate candidate{.sha256 = admitted.library->sha256,
                      .library = admitted.library,
                      .suggested = std::nullopt,
                      .warning = std::move(admitted.warning)};
  if (options_.mode == CatalogMode::kDev && options_.suggest)
    candidate.suggested = options_.suggest(*admitted.library);
  return candidate;
}

}  // namespace millrace::function
