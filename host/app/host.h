// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/function_runner.h"
#include "app/wake.h"
#include "base/clock.h"
#include "base/logger.h"
#include "config/config.h"
#include "function/function_directory.h"
#include "function/loaded_libraries.h"

namespace millrace::app {

// A function as the API shows it: its runner, or why it has none.
struct HostedFunction {
  std::shared_ptr<FunctionRunner> runner;  // null: refused before it could run, or waiting
  FunctionSpec spec;
  // Why it is refused or waits; of one that runs, why newer files of it are not taken.
  std::string reason;
  bool probed = false;  // it waits for the probe of its library, that is for moments
  function::Generations generations = {};  // of one without a runner
};

struct HostOptions {
  config::HostConfig config;
  function::CatalogMode mode = function::CatalogMode::kRun;
  std::optional<LaneProcesses> processes;  // absent: every function runs in this process
  std::string in_flight_dir;               // see HostServices
  StoreFactory store;
  bool transactions = true;  // false: the broker does not keep them; exactly once cannot be had
  Logger* log = nullptr;
  const Clock* clock = nullptr;
  // Called before a function starts; may be empty.
  std::function<void(const FunctionSpec&)> before_start;
};

// The functions of this process: follows functions_dir, starts, replaces and stops runners. One
// thread steps it; what the API asks may come from any thread.
class Host {
 public:
  static Result<std::unique_ptr<Host>> Open(HostOptions options);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  int fd() const { return directory_->fd(); }  // readable when Step has something to do
  void Step();                                 // at least every 100 ms
  void BeginStop();                            // every function drains and leaves its group
  bool stopped() const;

  // Any thread.
  std::map<std::string, HostedFunction> functions() const;
  std::vector<std::string> problems() const;  // of the directory and its files

 private:
  explicit Host(HostOptions options);
  void Apply(const function::CatalogEvent& event);
  void Tell(const function::CatalogEvent& event);
  void Replace(const function::CatalogEvent& event);
  void Retire(const std::string& name);
  std::optional<std::string> Unfit(const function::CatalogEvent& event,
                                   const FunctionRunner& running) const;
  void ForgetProblems();
  // With mutex_ held.
  void Start(const function::CatalogEvent& event);
  void StartWaiting();
  bool Draining(const FunctionSpec& spec) const;
  std::optional<std::string> TakenGroup(const FunctionSpec& spec) const;
  void RefuseItself(const std::string& name, const std::string& reason);

  HostOptions options_;
  std::unique_ptr<function::FunctionDirectory> directory_;
  function::LoadedLibraries libraries_;  // outlives the runners
  bool stopping_ = false;
  std::map<std::string, function::CatalogEvent> to_start_;  // once nothing is in its way
  mutable std::mutex mutex_;
  // Of functions without a runner; guarded by mutex_.
  std::map<std::string, function::Generations> generations_;
  std::map<std::string, HostedFunction> functions_;  // guarded by mutex_
  // Draining, by function; guarded by mutex_.
  std::vector<std::pair<std::string, std::shared_ptr<FunctionRunner>>> retired_;
  // Why the host itself does not do what the files of a function want; guarded by mutex_.
  std::map<std::string, std::string> refusals_;
  std::map<std::string, std::string> file_problems_;  // guarded by mutex_
  std::string directory_problem_;                     // guarded by mutex_
};

}  // namespace millrace::app
