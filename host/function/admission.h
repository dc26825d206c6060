// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "function/library.h"
#include "function/library_cache.h"
#include "function/probe.h"
#include "function/signature.h"
#include "function/trust.h"

namespace millrace::function {

struct AdmissionSettings {
  std::string cache_dir;
  OwnerCheck owner = OwnerCheck::kRefuse;
  SignatureRules signatures = {};
  std::optional<ProbeSettings> probe = {};  // absent: libraries are taken without (tests)
};

struct AdmittedLibrary {
  std::shared_ptr<const CheckedCopy> library;  // probed, and not loaded here
  std::string warning;                         // empty: nothing to warn of
};

// The way of a library file to what may be loaded: read once, through one descriptor; owner and
// mode; signature; format and note; private copy; probe in a child. What fails a step never comes
// to the next. No code of a library runs in this process. One thread.
class Admission {
 public:
  // kRetriable when the system gives no descriptor.
  static Result<std::unique_ptr<Admission>> Open(AdmissionSettings settings);

  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  static constexpr size_t kProbesMax = 8;  // at one time

  // Takes the file as it is now, up to its probe; absent: that runs, or waits for its turn; ask
  // again. A refusal is kFatal and says why; kRetriable may succeed later. Blocks on the disk, not
  // on the probe.
  std::optional<Result<AdmittedLibrary>> Take(const std::string& path, SteadyTime now);

  // The file is another now: the probe of what it was, if one runs, is ended.
  void Forget(const std::string& path) {
    probes_.erase(path);
    delays_.erase(path);
  }

  // No other files are wanted any more: their probes are ended.
  void KeepOnly(const std::set<std::string>& paths);

  bool probing() const { return !probes_.empty(); }
  int fd() const { return epoll_.get(); }  // readable when a probe has ended

  LibraryCache* cache() { return &cache_; }

 private:
  struct Probing {
    CheckedCopy checked;
    std::string warning;
    std::unique_ptr<Probe> probe;
  };

  Admission(AdmissionSettings settings, UniqueFd epoll)
      : settings_(std::move(settings)), cache_(settings_.cache_dir), epoll_(std::move(epoll)) {}
  Result<Probing> Begin(const std::string& path);
  // What may succeed later is not tried again at once.
  struct Delay {
    Error why;
    Millis wait{0};
    SteadyTime until{};
  };

  Result<AdmittedLibrary> Outcome(const std::string& path, Result<AdmittedLibrary> outcome,
                                  SteadyTime now);
  static AdmittedLibrary Admit(Probing probed);

  AdmissionSettings settings_;
  LibraryCache cache_;
  UniqueFd epoll_;
  std::map<std::string, Probing> probes_;  // that run, by path
  std::map<std::string, Delay> delays_;    // by path
};

}  // namespace millrace::function
