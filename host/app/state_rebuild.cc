// SPDX-License-Identifier: Apache-2.0
#include "app/state_rebuild.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <optional>
#include <utility>

#include "app/function_lookup.h"
#include "app/function_needs.h"
#include "app/function_runner.h"
#include "app/process.h"
#include "app/progress_line.h"
#include "app/random_epoch.h"
#include "app/rebuild_plan.h"
#include "app/redis_lane_store.h"
#include "app/stop_signals.h"
#include "function/library_object.h"
#include "function/loaded_libraries.h"
#include "invoke/host_table.h"

namespace millrace::app {
namespace {

constexpr int kTickMs = 100;
// How long tasks may be missing, as in a rebalance, until they are taken as somebody else's.
constexpr Millis kMissingMax{10'000};

// How the command ends, and what it says then.
struct Ended {
  int code = kExitFailure;
  std::string text;
};
using MaybeEnded = std::optional<Ended>;

Ended EndedBy(const Error& error) {
  const bool away = error.error_class == ErrorClass::kRetriable;
  return {away ? kExitUnavailable : kExitFailure, error.message};
}

bool IsYes(const std::string& answer) { return answer == "y" || answer == "Y" || answer == "yes"; }

class Rebuild {
 public:
  Rebuild(StateRebuildOptions options, Logger* log)
      : config_(std::move(options.config)),
        name_(std::move(options.function)),
        confirmation_(options.confirmation),
        line_(isatty(STDERR_FILENO) ? ProgressLine::Kind::kTerminal : ProgressLine::Kind::kLines,
              &std::cerr, log, &clock_) {}

  Ended Run() {
    if (auto ended = FindIt()) return *ended;
    if (auto ended = LookAtInputs()) return *ended;
    if (auto ended = LookAtState()) return *ended;
    if (auto ended = Confirm()) return *ended;
    if (auto ended = Remove()) return *ended;
    return MakeAgain();
  }

 private:
  MaybeEnded FindIt();
  MaybeEnded LookAtInputs();
  MaybeEnded LookAtState();
  MaybeEnded Confirm();
  MaybeEnded Ask(const std::string& question);
  MaybeEnded Remove();
  Ended MakeAgain();
  MaybeEnded Look(const FunctionRunner& runner);
  MaybeEnded LookForMissing(const RunReport& report);
  void WaitForSignal() const;
  void Drain(FunctionRunner* runner, const std::string& why);
  Ended Interrupted() const;
  HostServices Services(const StoreFactory& stores);
  std::string HostId() const;
  redis::FunctionKeys::GoOn ShowKeys(const std::string& what);

  config::HostConfig config_;
  std::string name_;
  Confirmation confirmation_;
  StopSignals signals_;
  SystemClock clock_;
  function::LoadedLibraries libraries_;
  ProgressLine line_;
  FoundFunction found_;
  kafka::GroupSurvey group_;
  std::unique_ptr<redis::FunctionKeys> function_keys_;
  redis::KeySurvey keys_;
  std::string where_;  // the Redis, without a password
  // Of the run.
  RebuildProgress progress_;
  SteadyTime begun_at_;
  SteadyTime complete_at_;  // when every task was last seen here
};

// Opens and closes the library once: one that refuses is better met before the state is gone.
MaybeEnded Rebuild::FindIt() {
  auto found = FindFunction(config_, name_);
  if (!found) {
    const bool unknown = found.error().error_class == ErrorClass::kPoison;
    return Ended{unknown ? kExitUsage : kExitConfiguration, found.error().message};
  }
  found_ = *std::move(found);
  if (!NeedsStore(found_.spec, found_.library->note.uses)) {
    return Ended{kExitFailure,
                 "function " + name_ + " keeps no state: there is nothing to make again"};
  }
  const Status outputs = CheckOutputs(found_.spec, found_.library->note.uses);
  if (!outputs) return Ended{kExitConfiguration, outputs.error().message};
  auto library = libraries_.Load(*found_.library);
  if (!library) return Ended{kExitConfiguration, library.error().message};
  const auto opened = function::OpenGeneration({.library = *std::move(library),
                                                .host = invoke::HandlerTable(),
                                                .config = found_.spec.config,
                                                .function = name_});
  if (!opened) return Ended{kExitConfiguration, opened.error().message};
  return {};
}

MaybeEnded Rebuild::LookAtInputs() {
  const kafka::ClientOptions client{.properties = config_.kafka,
                                    .client_id = kafka::ClientId(name_, HostId()),
                                    .log = [this](int level, const std::string& text) {
                                      line_.Log(level <= 4 ? LogLevel::kWarn : LogLevel::kDebug,
                                                text);
                                    }};
  auto group = kafka::SurveyGroup(client, found_.spec.group, InputTopics(found_.spec));
  if (!group) return EndedBy(group.error());
  group_ = *std::move(group);
  const Status usable = CheckInputs(found_.spec, group_);
  if (!usable) return EndedBy(usable.error());
  return {};
}

MaybeEnded Rebuild::LookAtState() {
  auto url = redis::ParseRedisUrl(config_.redis_url);
  if (!url) return Ended{kExitConfiguration, url.error().message};
  where_ = url->Printable();
  auto connected = redis::FunctionKeys::Connect(
      {.url = *url, .name_space = config_.namespace_name, .function = name_}, &clock_);
  if (!connected) return EndedBy(connected.error());
  function_keys_ = *std::move(connected);
  auto keys = function_keys_->Survey(ShowKeys("keys found"));
  line_.End();
  if (!keys) return EndedBy(keys.error());
  if (!*keys) return Ended{kExitFailure, "interrupted: nothing was removed"};
  keys_ = **std::move(keys);
  const Status known = CheckOffsets(found_.spec, group_, keys_);
  if (!known) return EndedBy(known.error());
  return {};
}

redis::FunctionKeys::GoOn Rebuild::ShowKeys(const std::string& what) {
  return [this, what](uint64_t keys) {
    line_.Show(std::to_string(keys) + " " + what);
    return signals_.Take() == 0;
  };
}

MaybeEnded Rebuild::Confirm() {
  const RebuildProgress all = MeasureRebuild(group_.partitions, {});
  std::string topics;
  for (const std::string& topic : InputTopics(found_.spec)) {
    topics += (topics.empty() ? "" : ", ") + topic;
  }
  const std::string what = "function " + name_ + ": " + std::to_string(keys_.keys) + " keys of " +
                           std::to_string(keys_.tasks.size()) + " tasks in " + where_ +
                           " are removed, and made again from " + std::to_string(all.total) +
                           " events of " + topics;
  if (confirmation_ == Confirmation::kGiven) {
    std::cerr << what << "\n";
    return {};
  }
  if (!isatty(STDIN_FILENO)) {
    return Ended{kExitUsage, what + ": nothing is removed unless you say so: add --yes"};
  }
  return Ask(what + ". Go on? [y/N] ");
}

// Somebody may have started a host before the answer came.
MaybeEnded Rebuild::Ask(const std::string& question) {
  std::cerr << question << std::flush;
  std::array<pollfd, 2> fds{pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                            pollfd{.fd = signals_.fd(), .events = POLLIN, .revents = 0}};
  poll(fds.data(), fds.size(), -1);
  std::string answer;
  if (signals_.Take() == 0) std::getline(std::cin, answer);
  if (!IsYes(answer)) return Ended{kExitFailure, "nothing was removed"};
  return LookAtInputs();
}

MaybeEnded Rebuild::Remove() {
  const auto removed = function_keys_->Remove(keys_, RandomEpoch(), ShowKeys("keys removed"));
  line_.End();
  const std::string rest = "; no host runs the function on a part of its state: run it again";
  if (!removed) return Ended{EndedBy(removed.error()).code, removed.error().message + rest};
  if (!*removed) return Ended{kExitFailure, "interrupted while keys were removed" + rest};
  function_keys_.reset();
  return {};
}

std::string Rebuild::HostId() const {
  return (config_.id.empty() ? HostName() : config_.id) + "-rebuild";
}

HostServices Rebuild::Services(const StoreFactory& stores) {
  return {.settings = {.namespace_name = config_.namespace_name,
                       .host_id = HostId(),
                       .kafka = config_.kafka,
                       .lane_queue_bytes = config_.lane_queue_bytes,
                       .lane_output_bytes = config_.lane_output_bytes},
          .libraries = &libraries_,
          .store = stores,
          .log = &line_,
          .clock = &clock_};
}

Ended Rebuild::MakeAgain() {
  const auto stores = RedisStores(config_.redis_url, config_.namespace_name, &clock_);
  if (!stores) return EndedBy(stores.error());
  FunctionSpec spec = found_.spec;
  spec.policies.on_state_loss = OnStateLoss::kRebuild;
  FunctionRunner runner(Services(*stores), std::move(spec), found_.library, {});
  begun_at_ = complete_at_ = clock_.Now();
  for (;;) {
    if (auto ended = Look(runner)) {
      Drain(&runner, ended->text);
      return *std::move(ended);
    }
    WaitForSignal();
    if (signals_.Take() == 0) continue;
    Drain(&runner, "interrupted");
    return Interrupted();
  }
}

void Rebuild::WaitForSignal() const {
  pollfd waiting{.fd = signals_.fd(), .events = POLLIN, .revents = 0};
  poll(&waiting, 1, kTickMs);
}

MaybeEnded Rebuild::Look(const FunctionRunner& runner) {
  const RunReport report = runner.Report();
  progress_ = MeasureRebuild(group_.partitions, report.tasks);
  const SteadyTime now = clock_.Now();
  if (progress_.done == 0 && !progress_.reached()) begun_at_ = now;  // waits for the group
  const auto elapsed = std::chrono::duration_cast<Millis>(now - begun_at_);
  line_.Show(ProgressText(progress_.done, progress_.total, elapsed));
  if (progress_.reached()) {
    return Ended{kExitDone, "the state of function " + name_ + " is made again from " +
                                std::to_string(progress_.total) + " events"};
  }
  if (report.state == RunState::kRefused || report.state == RunState::kStopped) {
    return Ended{kExitFailure, report.reason};
  }
  return LookForMissing(report);
}

MaybeEnded Rebuild::LookForMissing(const RunReport& report) {
  const size_t tasks = TaskCount(group_.partitions);
  const SteadyTime now = clock_.Now();
  if (report.state != RunState::kRunning || report.tasks.size() == tasks) complete_at_ = now;
  if (now < complete_at_ + kMissingMax) return {};
  return Ended{kExitFailure,
               "group " + found_.spec.group + " gives this process " +
                   std::to_string(report.tasks.size()) + " of " + std::to_string(tasks) +
                   " tasks: a host was started that runs function " + name_ +
                   ", and goes on with the rest as its configuration says; see there"};
}

Ended Rebuild::Interrupted() const {
  const std::string how_far = "interrupted after at least " + std::to_string(progress_.done) +
                              " of " + std::to_string(progress_.total) + " events";
  if (progress_.begun < progress_.partitions) {
    return {kExitFailure, how_far + ", before every task had begun: run it again"};
  }
  return {kExitFailure, how_far +
                            ": a host that runs the function goes on from there; run this again "
                            "to begin anew"};
}

// What is under way is finished: the last word on how far it came.
void Rebuild::Drain(FunctionRunner* runner, const std::string& why) {
  runner->BeginStop();
  const SteadyTime by = clock_.Now() + config_.drain_timeout;
  while (!runner->stopped()) {
    const bool told_again = signals_.Take() > 0;
    if (told_again || clock_.Now() >= by) {
      line_.End();
      std::cerr << "millrace state rebuild: " << why << "; ended before it was drained: "
                << "what is not committed will run again\n";
      _exit(kExitFailure);
    }
    const auto now = MeasureRebuild(group_.partitions, runner->Report().tasks);
    if (now.begun >= progress_.begun && now.done >= progress_.done) progress_ = now;
    WaitForSignal();
  }
  line_.End();
}

}  // namespace

int RebuildState(StateRebuildOptions options, Logger* log) {
  Rebuild rebuild(std::move(options), log);
  const Ended ended = rebuild.Run();
  std::cerr << "millrace state rebuild: " << ended.text << "\n";
  return ended.code;
}

}  // namespace millrace::app
