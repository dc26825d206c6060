// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "function/admission.h"
#include "function/catalog.h"
#include "function/directory_watch.h"
#include "function/library.h"

namespace millrace::function {

struct DirectoryOptions {
  WatchOptions watch;
  AdmissionSettings admission;
  CatalogMode mode = CatalogMode::kRun;
  // The functions that a YAML file of the directory declares; called with its path.
  std::function<Result<std::vector<FunctionSpec>>(const std::string& path)> read_yaml;
  // kDev: the function that a library without YAML suggests; absent when it suggests none.
  std::function<std::optional<FunctionSpec>(const CheckedCopy&)> suggest;
};

// functions_dir as the host sees it: watch, admission and catalog in one. Libraries that some
// function wants are admitted here; events that start or replace a function carry the
// library, ready to be loaded. One thread; Poll blocks on the disk, not on probes, and runs no code
// of a library.
class FunctionDirectory {
 public:
  static Result<std::unique_ptr<FunctionDirectory>> Open(DirectoryOptions options);

  FunctionDirectory(const FunctionDirectory&) = delete;
  FunctionDirectory& operator=(const FunctionDirectory&) = delete;

  // Functions that are declared elsewhere, under the name of that place (the main configuration).
  void Declare(const std::string& file, std::vector<FunctionSpec> functions);

  // Readable when Poll has something to do. While a probe runs, Poll is to be called from time to
  // time all the same: it keeps the deadline.
  int fd() const { return epoll_.get(); }

  // Takes in what changed and tells what is to be done. Functions whose files are complete when the
  // host starts, and in dev libraries without YAML, are all in the first call, if only as being
  // probed.
  std::vector<CatalogEvent> Poll();

  bool probing() const { return admission_->probing(); }  // a library, at the moment

  const Catalog& catalog() const { return catalog_; }
  const std::string& problem() const { return watch_->problem(); }  // of the directory itself

 private:
  FunctionDirectory(DirectoryOptions options, std::unique_ptr<DirectoryWatch> watch,
                    std::unique_ptr<Admission> admission, UniqueFd epoll);
  std::string PathOf(const std::string& name) const;
  void Take(const Change& change);
  void ReadLibraries();
  Candidate CandidateOf(AdmittedLibrary admitted) const;
  std::set<std::string> WantedElsewhere() const;

  DirectoryOptions options_;
  std::unique_ptr<DirectoryWatch> watch_;
  std::unique_ptr<Admission> admission_;
  UniqueFd epoll_;  // of the two
  Catalog catalog_;
  bool cache_cleaned_ = false;       // by the first Poll
  std::set<std::string> elsewhere_;  // libraries outside the directory, as given to the watch
};

}  // namespace millrace::function
