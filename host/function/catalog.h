// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/function_spec.h"

namespace millrace::function {

struct CheckedCopy;

// A library file that was read and found good.
struct Candidate {
  std::string sha256;
  std::shared_ptr<const CheckedCopy> library;  // not looked at by the catalog
  std::optional<FunctionSpec> suggested;       // what its note suggests, for a library without YAML
  std::string warning = {};  // what whoever starts it should be told; may be empty
};

// What the host has to do, or to tell, about one function.
struct CatalogEvent {
  enum class Kind {
    kStarted,   // run it: spec and candidate are set
    kReplaced,  // it is wanted with another spec or library than in the last event with a candidate
    kRemoved,   // stop it after a drain
    kWaiting,   // it cannot run yet; `reason` says for what
    kProbed,    // the same for moments: its library is being probed. Not told of what runs
    kRefused,   // `file` is bad; `reason` says why. What runs goes on as it is
  };
  Kind kind = Kind::kStarted;
  std::string function;  // empty: the file as a whole
  std::string file;      // the YAML or library that it is about
  std::string reason;
  FunctionSpec spec;
  Candidate candidate;
};

enum class CatalogMode {
  kRun,  // a library without YAML is ignored
  kDev,  // it runs on what its note suggests
};

// Turns what lies in functions_dir into the functions that should run. Facts go in in any order
// (files come and go one by one, either first); Reconcile compares what they add up to with what
// was told before. What is wanted depends on the files alone, never on the order of arrival:
//  - a function is wanted when a YAML file declares it, and can start when its library is good;
//  - a YAML file or library that is bad or gone keeps the last good function running, with the
//    reason told once; but a function whose YAML file is gone, or no longer declares it, is
//    removed;
//  - a function that two files declare is refused, and what runs of it stays.
// Events are about intent: an open() that refuses is the caller's to handle, and a kReplaced may
// come for a function that the caller could not start. Pure: no I/O, no clock, no logging. One
// thread.
class Catalog {
 public:
  Catalog(CatalogMode mode, std::string functions_dir)
      : mode_(mode), functions_dir_(std::move(functions_dir)) {}

  // What a YAML file declares (also the main configuration, under its own name). An error is about
  // the file as a whole.
  void YamlRead(const std::string& file, Result<std::vector<FunctionSpec>> functions);
  void YamlRemoved(const std::string& file);

  // A library file is there, perhaps with new content; it is read only once something wants it.
  void LibraryChanged(const std::string& file);
  // Its signature came, changed or went: a library that is there is to be read again.
  void SignatureChanged(const std::string& file);
  void LibraryRead(const std::string& file, Result<Candidate> candidate);
  // It could not be read just now (changing, disk full): stays in LibrariesToRead.
  void LibraryDelayed(const std::string& file, std::string reason);
  // It is good as far as can be seen; whether it can be loaded is being tried out.
  void LibraryProbed(const std::string& file);
  void LibraryRemoved(const std::string& file);

  // Library files that are there, wanted and not yet read: give them to LibraryRead.
  std::vector<std::string> LibrariesToRead() const;

  // Every library that a function names, there or not, as LibraryChanged would name it.
  std::set<std::string> LibrariesWanted() const;

  // What is to be done since the last call: removals first, then by function name.
  std::vector<CatalogEvent> Reconcile();

  // Why a function, or a file (by its name), is not as the directory wants it; absent when it is.
  std::optional<std::string> Problem(const std::string& function_or_file) const;

 private:
  struct Yaml {
    std::vector<FunctionSpec> functions;  // the last good ones
    std::optional<std::string> problem;
  };
  struct LibraryFile {
    std::optional<Result<Candidate>> read;  // absent: not yet
    std::optional<FunctionSpec> suggested;  // by the last good content
    std::string delay;                      // why it is not read yet
    bool probed = false;                    // that is why
  };
  struct Wanted {
    FunctionSpec spec;
    std::string file;  // that declares it
    std::string library;
    const Candidate* candidate = nullptr;  // present: it can start
    CatalogEvent::Kind obstacle = CatalogEvent::Kind::kWaiting;
    std::string obstacle_file;
    std::string reason;  // why it cannot
  };
  struct Told {
    FunctionSpec spec;
    std::string sha256;
  };

  std::string FileOf(const FunctionSpec& spec) const;
  std::map<std::string, Wanted> WantedFunctions() const;
  void AddSuggested(std::map<std::string, Wanted>* wanted) const;
  void FindLibrary(Wanted* wanted) const;
  void ReconcileFiles(std::map<std::string, std::string>* problems,
                      std::vector<CatalogEvent>* events) const;
  void ReconcileFunction(const std::string& name, const Wanted& wanted,
                         std::map<std::string, std::string>* problems,
                         std::vector<CatalogEvent>* events);

  CatalogMode mode_;
  std::string functions_dir_;
  std::map<std::string, Yaml> yamls_;
  std::map<std::string, LibraryFile> libraries_;
  std::map<std::string, Told> told_;             // functions told to run
  std::map<std::string, std::string> problems_;  // function or file → reason, as last told
};

// The name under which the catalog and the watch know a library: relative to functions_dir when it
// lies directly in it, else as a normal path.
std::string LibraryFileName(const std::string& library, const std::string& functions_dir);

}  // namespace millrace::function
