// SPDX-License-Identifier: Apache-2.0
#include "app/host.h"

#include <algorithm>
#include <utility>

#include "app/function_lookup.h"
#include "app/function_needs.h"

namespace millrace::app {

using function::CatalogEvent;
using function::CatalogMode;

Host::Host(HostOptions options) : options_(std::move(options)) {}

Host::~Host() = default;

Result<std::unique_ptr<Host>> Host::Open(HostOptions options) {
  std::unique_ptr<Host> host(new Host(std::move(options)));
  const config::HostConfig& config = host->options_.config;
  auto opened = function::FunctionDirectory::Open(DirectoryOptionsOf(config, host->options_.mode));
  if (!opened) return opened.error();
  host->directory_ = *std::move(opened);
  host->directory_->Declare("the main configuration", config.functions);
  return host;
}

void Host::Step() {
  if (!stopping_) {
    for (const CatalogEvent& event : directory_->Poll()) Apply(event);
    ForgetProblems();
  }
  std::vector<std::shared_ptr<FunctionRunner>> ended;  // outlives the lock: they join threads
  const std::lock_guard lock(mutex_);
  std::erase_if(retired_, [this, &ended](const auto& retired) {
    if (!retired.second->stopped()) return false;
    ended.push_back(retired.second);
    generations_[retired.first] = retired.second->generations();
    return true;
  });
  StartWaiting();
}

void Host::Apply(const CatalogEvent& event) {
  switch (event.kind) {
    case CatalogEvent::Kind::kStarted:
    case CatalogEvent::Kind::kReplaced:
      return Replace(event);
    case CatalogEvent::Kind::kRemoved: {
      options_.log->Info("function " + event.function + " removed: it drains and stops");
      to_start_.erase(event.function);
      Retire(event.function);
      const std::lock_guard lock(mutex_);
      functions_.erase(event.function);
      refusals_.erase(event.function);
      return;
    }
    case CatalogEvent::Kind::kWaiting:
    case CatalogEvent::Kind::kProbed:
    case CatalogEvent::Kind::kRefused:
      return Tell(event);
  }
}

void Host::Tell(const CatalogEvent& event) {
  const bool refused = event.kind == CatalogEvent::Kind::kRefused;
  const std::string what = event.function.empty() ? event.file : "function " + event.function;
  const std::string text = what + (refused ? " refused: " : " waits: ") + event.reason;
  const bool moments = event.kind == CatalogEvent::Kind::kProbed;
  options_.log->Log(refused   ? LogLevel::kError
                    : moments ? LogLevel::kDebug
                              : LogLevel::kWarn,
                    text);
  const std::lock_guard lock(mutex_);
  if (event.function.empty()) {
    file_problems_[event.file] = event.reason;
    return;
  }
  HostedFunction& function = functions_[event.function];
  const std::string library =
      function::LibraryFileName(event.spec.library, options_.config.functions_dir);
  if (refused && event.file == library && function.runner) {
    function.runner->NoteRefusal(event.reason);
  } else if (refused && event.file == library) {
    generations_[event.function].Refuse("", event.reason, options_.clock->UnixMillis());
  }
  function.reason = event.reason;
  function.probed = event.kind == CatalogEvent::Kind::kProbed;
  if (!function.runner) function.spec = event.spec;
}

// What the directory no longer finds wrong: the file is good again, or gone.
void Host::ForgetProblems() {
  const std::lock_guard lock(mutex_);
  directory_problem_ = directory_->problem();
  const function::Catalog& catalog = directory_->catalog();
  std::erase_if(file_problems_,
                [&](const auto& problem) { return !catalog.Problem(problem.first); });
  for (auto& [name, function] : functions_) {
    if (!catalog.Problem(name)) function.reason.clear();
  }
  std::erase_if(functions_, [&](const auto& entry) {
    const auto& [name, function] = entry;
    return !function.runner && function.reason.empty() && !to_start_.contains(name);
  });
}

// A new library alone goes to the runner that there is; a new specification makes a new runner,
// once the former has drained and left its group. What cannot run leaves what runs alone.
void Host::Replace(const CatalogEvent& event) {
  if (!event.candidate.warning.empty()) options_.log->Warn(event.candidate.warning);
  std::shared_ptr<FunctionRunner> running;
  {
    const std::lock_guard lock(mutex_);
    running = functions_[event.function].runner;
    refusals_.erase(event.function);
  }
  if (running && SameRequest(running->spec(), event.spec)) {
    options_.log->Info("function " + event.function + ": new library " +
                       event.candidate.sha256.substr(0, 12));
    running->Replace(event.candidate.library);
    return;
  }
  if (running) {
    if (const auto unfit = Unfit(event, *running)) {
      const std::lock_guard lock(mutex_);
      return RefuseItself(event.function, *unfit);
    }
    Retire(event.function);
  }
  const std::lock_guard lock(mutex_);
  functions_[event.function].spec = event.spec;
  to_start_[event.function] = event;
  StartWaiting();
}

// Why a new specification would only end what works now; absent when it may have its turn.
std::optional<std::string> Host::Unfit(const CatalogEvent& event,
                                       const FunctionRunner& running) const {
  const RunState state = running.Report().state;
  if (state != RunState::kRunning && state != RunState::kStarting) return std::nullopt;
  const Status outputs = CheckOutputs(event.spec, event.candidate.library->note.uses);
  if (!outputs) return outputs.error().message;
  const std::lock_guard lock(mutex_);
  return TakenGroup(event.spec);
}

void Host::Retire(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = functions_.find(name);
  if (found == functions_.end() || !found->second.runner) return;
  auto runner = std::exchange(found->second.runner, nullptr);
  runner->BeginStop();
  retired_.emplace_back(name, std::move(runner));
}

void Host::StartWaiting() {
  if (stopping_) return;
  for (auto waiting = to_start_.begin(); waiting != to_start_.end();) {
    const CatalogEvent& event = waiting->second;
    const auto taken = TakenGroup(event.spec);
    if (taken) RefuseItself(event.function, *taken);
    if (taken || Draining(event.spec)) {
      ++waiting;
      continue;
    }
    Start(event);
    waiting = to_start_.erase(waiting);
  }
}

bool Host::Draining(const FunctionSpec& spec) const {
  return std::any_of(retired_.begin(), retired_.end(), [&](const auto& retired) {
    return retired.first == spec.name || retired.second->spec().group == spec.group;
  });
}

std::optional<std::string> Host::TakenGroup(const FunctionSpec& spec) const {
  for (const auto& [name, function] : functions_) {
    if (name == spec.name || !function.runner || function.runner->spec().group != spec.group) {
      continue;
    }
    return "group " + spec.group + " is function " + name + "'s already: set another `group:`";
  }
  return std::nullopt;
}

void Host::RefuseItself(const std::string& name, const std::string& reason) {
  if (std::exchange(refusals_[name], reason) == reason) return;  // told already
  options_.log->Error("function " + name + " refused: " + reason);
}

void Host::Start(const CatalogEvent& event) {
  const std::string& name = event.function;
  refusals_.erase(name);
  options_.log->Info("function " + name + " starts with library " +
                     event.candidate.sha256.substr(0, 12));
  HostServices services{.settings = {.namespace_name = options_.config.namespace_name,
                                     .host_id = options_.config.id,
                                     .kafka = options_.config.kafka,
                                     .lane_queue_bytes = options_.config.lane_queue_bytes,
                                     .lane_output_bytes = options_.config.lane_output_bytes},
                        .processes = options_.processes,
                        .libraries = &libraries_,
                        .in_flight_dir = options_.in_flight_dir,
                        .store = options_.store,
                        .transactions = options_.transactions,
                        .log = options_.log,
                        .clock = options_.clock};
  if (event.spec.delivery == Delivery::kExactlyOnce && !options_.transactions) {
    options_.log->Warn("function " + name +
                       ": delivery: exactly_once is run as at_least_once, because the embedded "
                       "broker keeps no transactions");
  }
  if (options_.before_start) options_.before_start(event.spec);
  HostedFunction& function = functions_[name];
  function.spec = event.spec;
  function.runner = std::make_shared<FunctionRunner>(std::move(services), event.spec,
                                                     event.candidate.library, generations_[name]);
}

void Host::BeginStop() {
  stopping_ = true;
  to_start_.clear();
  const std::lock_guard lock(mutex_);
  for (const auto& [name, function] : functions_) {
    if (function.runner) function.runner->BeginStop();
  }
}

bool Host::stopped() const {
  const std::lock_guard lock(mutex_);
  return retired_.empty() &&
         std::all_of(functions_.begin(), functions_.end(), [](const auto& function) {
           return !function.second.runner || function.second.runner->stopped();
         });
}

std::map<std::string, HostedFunction> Host::functions() const {
  const std::lock_guard lock(mutex_);
  auto all = functions_;
  for (const auto& [name, runner] : retired_) {
    HostedFunction& function = all[name];
    if (function.runner) continue;
    function.runner = runner;
    function.spec = runner->spec();
  }
  for (auto& [name, function] : all) {
    const auto known = generations_.find(name);
    if (!function.runner && known != generations_.end()) {
      function.generations = known->second;
    }
  }
  for (const auto& [name, why] : refusals_) {
    std::string& reason = all[name].reason;
    reason += (reason.empty() ? "" : "; ") + why;
  }
  return all;
}

std::vector<std::string> Host::problems() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> problems;
  if (!directory_problem_.empty()) problems.push_back(directory_problem_);
  for (const auto& [file, reason] : file_problems_) problems.push_back(file + ": " + reason);
  return problems;
}

}  // namespace millrace::app
