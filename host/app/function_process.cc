// SPDX-License-Identifier: Apache-2.0
// The process that has a function's lanes: started, watched, ended for what it does too long, and
// started again. The group notices none of it.
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <utility>

#include "app/function_needs.h"
#include "app/function_runner.h"
#include "app/random_epoch.h"

namespace millrace::app {
namespace {

// The first restart is immediate; those that follow soon after wait, each twice as long.
constexpr Millis kRestartWaitMin{100};
constexpr Millis kRestartWaitMax{10'000};
constexpr Millis kWellAfter{10'000};  // a process that has run for so long begins to count anew
constexpr Millis kAbortWait{1'000};   // for a process that was told to abort
constexpr Millis kSilentMin{5'000};   // beyond limits.timeout, for one that may wait for processors

}  // namespace

// One that a thread waits for.
struct FunctionRunner::Invocation {
  http::InvokeEvent event;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<http::InvokeResult> result;  // guarded by mutex

  void Answer(http::InvokeResult with) {
    const std::lock_guard lock(mutex);
    result = std::move(with);
    changed.notify_all();
  }
};

http::InvokeResult FunctionRunner::Invoke(const http::InvokeEvent& event) {
  const auto invocation = std::make_shared<Invocation>();
  invocation->event = event;
  {
    const std::lock_guard lock(mutex_);
    if (over_) {
      return http::InvokeError{http::InvokeErrorKind::kNotRunning, "the function has stopped"};
    }
    invocations_.push_back(invocation);
  }
  wake_.Signal();
  std::unique_lock lock(invocation->mutex);
  invocation->changed.wait(lock, [&] { return invocation->result.has_value(); });
  return *std::move(invocation->result);
}

void FunctionRunner::TakeInvocations() {
  std::vector<std::shared_ptr<Invocation>> asked;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(invocations_);
    over_ = ending_;
  }
  for (const auto& invocation : asked) {
    if (process_) {
      process_->Invoke(invocation->event, [invocation](http::InvokeResult result) {
        invocation->Answer(std::move(result));
      });
    } else {
      invocation->Answer(
          http::InvokeError{http::InvokeErrorKind::kNotRunning, "the function does not run"});
    }
  }
}

// Where control groups cannot be had, memory is bounded by the process itself, and processor time
// is not.
void FunctionRunner::MakeCgroup() {
  if (std::exchange(limited_, true) || !(spec_.limits.memory || spec_.limits.cpu)) return;
  auto made = services_.processes->limits->Make(spec_.name, spec_.limits);
  if (made) {
    cgroup_ = *std::move(made);
    return;
  }
  services_.log->Warn("function " + spec_.name +
                      (spec_.limits.cpu ? ": limits.cpu is not kept" : "") +
                      (spec_.limits.cpu && spec_.limits.memory ? ", and" : "") +
                      (spec_.limits.memory ? ": limits.memory bounds its data segments only" : "") +
                      ": " + made.error().message);
}

Result<std::unique_ptr<LaneProcess>> FunctionRunner::MakeProcess() {
  MakeCgroup();
  LaneProcessOptions options{.command = services_.processes->command,
                             .start = {.settings = services_.settings,
                                       .redis_url = services_.processes->redis_url,
                                       .spec = spec_,
                                       .delivery = delivery(),
                                       .needs_store = needs_store(),
                                       .memory_bytes_max = std::nullopt,
                                       .library = ToOpen(*generation_)},
                             .board = board_.get(),
                             .offsets = {},
                             .log = services_.log,
                             .clock = services_.clock};
  if (!cgroup_) options.start.memory_bytes_max = spec_.limits.memory;
  options.cgroup = cgroup_.get();
  for (int lane = 0; lane < spec_.lanes; ++lane) {
    options.offsets.push_back(offsets_->ForLane(wake_.fd()));
  }
  return LaneProcess::Start(std::move(options));
}

void FunctionRunner::StepProcess() {
  if (!process_) return;
  const bool idle = process_->open() && membership_->tasks().empty();
  if (works_ || idle) crash_problem_.clear();
  process_->Step();
  if (process_->end()) return OnProcessEnded();
  EndLate(services_.clock->Now());
}

// What has lasted for longer than limits.timeout, and the number of its thread.
std::optional<std::string> FunctionRunner::TooLong(SteadyTime now, int32_t* number) const {
  const SteadyTime begun_before = now - spec_.limits.timeout;
  const std::string limit =
      " for longer than limits.timeout (" + std::to_string(spec_.limits.timeout.count()) + " ms)";
  const auto is_late = [&](const invoke::InFlight& in_flight) {
    const auto call = in_flight.Read();
    return call && call->since <= begun_before;
  };
  for (int lane = 0; lane < spec_.lanes; ++lane) {
    *number = NumberOfLane(lane);
    if (auto late = LateHandler(lane)) return late;
  }
  *number = NumberOfLane(board_->invocation_slot());
  if (is_late(board_->invocation())) {
    return "the handler has worked on an invocation over HTTP" + limit;
  }
  *number = NumberOfLane(board_->opening_slot());
  if (is_late(board_->opening())) return "its library has been opened or closed" + limit;
  *number = process::Culprit::kOther;
  if (board_->alive() <= begun_before - kSilentMin) {
    return "it has said nothing" + limit + ", as if it had been stopped";
  }
  return std::nullopt;
}

// What does not come back ends its process; what was in flight is done again.
void FunctionRunner::EndLate(SteadyTime now) {
  if (kill_at_) {
    if (now >= *kill_at_) process_->Kill(SIGKILL);
    return;
  }
  int32_t number = 0;
  const auto late = TooLong(now, &number);
  if (!late) return;
  killed_for_ = *late;
  board_->culprit()->Set(number);
  kill_at_ = now + kAbortWait;
  process_->Kill(SIGABRT);
}

// What the dead process died of, as it has left it.
std::string FunctionRunner::WhatWasInFlight() const {
  if (const auto lane = board_->CulpritLane()) {
    const auto call = board_->slot(*lane).in_flight.Read();
    if (!call) return "";
    return call->partition < 0 ? " while an instance of its library was started or stopped"
                               : " while its handler worked on " + AtCall(*lane, *call);
  }
  const int32_t culprit = board_->culprit()->value();
  if (culprit == NumberOfLane(board_->invocation_slot())) {
    return " while its handler worked on an invocation over HTTP";
  }
  if (culprit == process::Culprit::kOutside) return ", which another process has sent";
  if (culprit == process::Culprit::kOther) return " on a thread of the library's own";
  return board_->opening().Read() ? " while its library was opened" : "";
}

// Of a function of this process what was in flight is in a file, so that the next one knows it.
std::shared_ptr<LaneBoard> FunctionRunner::MakeBoard() {
  if (isolation() == Isolation::kProcess || services_.in_flight_dir.empty()) {
    return std::make_shared<LaneBoard>(spec_.lanes);
  }
  std::error_code none;  // told with the file
  std::filesystem::create_directories(services_.in_flight_dir, none);
  board_file_ = services_.in_flight_dir + "/" + services_.settings.namespace_name + "." +
                services_.settings.host_id + "." + spec_.name;
  std::optional<LaneBoard::Remains> remains;
  auto board = LaneBoard::Keep(board_file_, spec_.lanes, &remains);
  if (!board) {
    services_.log->Warn(
        "function " + spec_.name +
        ": an event that ends this process will not be known after it: " + board.error().message);
    board_file_.clear();
    return std::make_shared<LaneBoard>(spec_.lanes);
  }
  const bool of_an_event = remains && remains->call.partition >= 0;
  if (of_an_event && remains->call.topic < input_topics_.size()) {
    const std::string& topic = input_topics_[remains->call.topic];
    services_.log->Error("function " + spec_.name +
                         ": its handler has ended the former process of this host while it worked "
                         "on " +
                         Coordinates(topic, remains->call.partition, remains->call.offset));
    crash_marks_[remains->call.partition] = {.topic = topic,
                                             .offset = remains->call.offset,
                                             .together = remains->call.together,
                                             .hash12 = invoke::Hash12Of(remains->library),
                                             .id = RandomEpoch()};
  }
  return *std::move(board);
}

void FunctionRunner::ForgetBoardFile() {
  if (!board_file_.empty()) unlink(board_file_.c_str());  // nothing is in flight any more
}

// The event is charged when its task begins anew, wherever that is recorded.
void FunctionRunner::NoteCrash() {
  const auto lane = board_->CulpritLane();
  if (!lane) return;
  const invoke::InFlight& in_flight = board_->slot(*lane).in_flight;
  const auto call = in_flight.Read();
  if (!call || !membership_->tasks().contains(call->partition)) return;
  crash_marks_[call->partition] = {.topic = TopicOf(*lane, *call),
                                   .offset = call->offset,
                                   .together = call->together,
                                   .hash12 = invoke::Hash12Of(in_flight.library()),
                                   .id = RandomEpoch()};
}

// What was draining has nothing left to finish.
void FunctionRunner::GiveBackDraining() {
  for (const auto& [partition, lane] : membership_->tasks()) membership_->OnReleased(partition, {});
}

void FunctionRunner::OnProcessEnded() {
  std::string reason = "its process " + *process_->end() + WhatWasInFlight();
  if (!killed_for_.empty()) reason += ", because " + killed_for_;
  TakeReports();  // what it gave back before
  NoteCrash();
  // It may have been the former generation's handler, while the present one was being opened.
  const auto lane = board_->CulpritLane();
  const auto call = lane ? board_->slot(*lane).in_flight.Read() : std::nullopt;
  const bool by_former =
      former_ && call && call->partition >= 0 &&
      board_->slot(*lane).in_flight.library() == invoke::LibraryNumber(former_->hash12);
  EndLanes();
  GiveBackDraining();
  if (leaving_ || rebuild_with_) {
    return services_.log->Warn("function " + spec_.name + ": " + reason);
  }
  if (former_ && !proven_ && !by_former) return RestoreFormer(reason);
  if (swap_watch_ && !by_former && GoBackForErrors(reason, SwapKind::kAnew)) return;
  RestartLater(reason);
}

void FunctionRunner::RestartLater(const std::string& why) {
  const SteadyTime now = services_.clock->Now();
  if (now >= process_since_ + kWellAfter) crashes_ = 0;
  const Millis wait = crashes_ == 0 ? Millis(0)
                                    : std::min(kRestartWaitMax,
                                               kRestartWaitMin * (1 << std::min(crashes_ - 1, 10)));
  ++crashes_;
  state_ = RunState::kStarting;
  restart_at_ = now + wait;
  crash_problem_ = why;
  services_.log->Error("function " + spec_.name + ": " + why + "; it is started again" +
                       (wait.count() == 0 ? "" : " in " + std::to_string(wait.count()) + " ms"));
}

void FunctionRunner::StepRestart() {
  if (!membership_ || lanes_ || leaving_ || rebuild_with_) return;
  if (services_.clock->Now() < restart_at_) return;
  ++restarts_;
  RemakeLanes();
}

}  // namespace millrace::app
