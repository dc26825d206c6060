// SPDX-License-Identifier: Apache-2.0
// The generations of a running function: opened, taken by the lanes, gone back to.
#include <algorithm>
#include <utility>

#include "app/function_needs.h"
#include "app/function_runner.h"
#include "function/library_object.h"
#include "invoke/host_table.h"

namespace millrace::app {
namespace {

// It owns its tasks: whether a library may work on what they hold was decided.
bool HasWorked(const LaneReport& report) {
  return std::any_of(report.tasks.begin(), report.tasks.end(),
                     [](const auto& task) { return task.phase == lane::TaskPhase::kRunning; });
}

}  // namespace

using function::SwapResult;

void FunctionRunner::NoteRefusal(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  generations_.Refuse("", reason, NowMs());
}

function::Generations FunctionRunner::generations() const {
  const std::lock_guard lock(mutex_);
  return generations_;
}

Result<Rollback> FunctionRunner::RollBack(std::optional<int> to) {
  Rollback rollback;
  {
    const std::lock_guard lock(mutex_);
    if (stop_asked_ || report_.state == RunState::kStopping) {
      return Retriable("function " + spec_.name + " is stopping");
    }
    rollback.from = report_.generation ? report_.generation->number : 0;
    const auto target = generations_.Former(rollback.from, to);
    if (!target) return Fatal("function " + spec_.name + ": " + target.error().message);
    rollback.to = target->number;
    rollback.hash12 = target->hash12;
    rollback_to_ = target->number;
  }
  wake_.Signal();
  return rollback;
}

int64_t FunctionRunner::NowMs() const { return services_.clock->UnixMillis(); }

// Opens the newest library, if there is one that was not tried yet.
void FunctionRunner::OpenNewest() {
  std::shared_ptr<const function::CheckedCopy> library;
  int number = 0;
  std::string hash12;
  {
    const std::lock_guard lock(mutex_);
    library = std::exchange(newest_, nullptr);
    if (!library) return;
    hash12 = library->sha256.substr(0, 12);
    number = generations_.next_number();
  }
  auto opened = Open(library, number);
  if (!opened) return Refuse(hash12, opened.error().message);
  {
    const std::lock_guard lock(mutex_);
    generations_.Admit(hash12, std::move(library), NowMs());
  }
  newer_refusal_.clear();
  if (membership_) {
    SwapLanes(*std::move(opened), SwapKind::kAtBatch);
  } else if (const Status started = Start(*std::move(opened)); !started) {
    RefuseToRun(started.error().message);
  }
}

// In a process of its own the function opens it itself; what is known of it here is what its note
// tells.
Result<std::shared_ptr<const Generation>> FunctionRunner::Open(
    const std::shared_ptr<const function::CheckedCopy>& library, int number) const {
  if (Status outputs = CheckOutputs(spec_, library->note.uses); !outputs) return outputs.error();
  if (isolation() == Isolation::kProcess) {
    return std::make_shared<const Generation>(
        Generation{.function = spec_.name,
                   .hash12 = library->sha256.substr(0, 12),
                   .number = number,
                   .copy = library->copy,
                   .file = library->file,
                   .uses = library->note.uses,
                   .versions = {.written = library->note.state_version,
                                .oldest_read = library->note.oldest_readable}});
  }
  auto loaded = services_.libraries->Load(*library);
  if (!loaded) return loaded.error();
  process::GuardExit();
  return function::OpenGeneration({.library = *std::move(loaded),
                                   .host = invoke::HandlerTable(),
                                   .config = spec_.config,
                                   .function = spec_.name,
                                   .number = number});
}

// A newer library that is refused leaves the one that runs alone.
void FunctionRunner::Refuse(const std::string& hash12, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    generations_.Refuse(hash12, reason, NowMs());
  }
  if (!membership_) return RefuseToRun(reason);
  services_.log->Error("function " + spec_.name + " refused: " + reason +
                       "; the former library stays");
  newer_refusal_ = reason;
}

void FunctionRunner::RefuseToRun(const std::string& reason) {
  services_.log->Error("function " + spec_.name + " refused: " + reason);
  state_ = RunState::kRefused;
  reason_ = reason;
}

Status FunctionRunner::Start(std::shared_ptr<const Generation> generation) {
  generation_ = std::move(generation);
  former_.reset();
  proven_ = false;
  if (Status joined = JoinGroup(); !joined) return joined;
  state_ = RunState::kStarting;
  reason_.clear();
  return {};
}

// The same states, versions and outputs: each lane takes the new generation at its next batch.
// Others: the lanes drain and are made anew; the group notices neither. A process that has opened
// too many libraries is made anew as well, because it unloads none.
void FunctionRunner::SwapLanes(std::shared_ptr<const Generation> generation, SwapKind kind) {
  const bool full =
      in_process_.size() >= kLibrariesPerProcess && !in_process_.contains(generation->hash12);
  const bool anew = kind == SwapKind::kAnew || !lanes_ || (process_.lanes() && full);
  if (!anew && SameStateAndOutputs(*generation, *generation_)) {
    in_process_.insert(generation->hash12);
    lanes_->Swap(generation);
    return BeginGeneration(std::move(generation));
  }
  rebuild_with_ = std::move(generation);
  rebuild_by_ = services_.clock->Now() + membership::kDrainMax;
  if (!lanes_) return;
  for (const auto& [partition, lane] : membership_->tasks()) lanes_->Revoke(lane, partition);
}

// A lane that does not drain in time is ended like one whose process dies: what it has not
// committed is done again.
void FunctionRunner::StepRebuild() {
  if (leaving_) return;
  const bool drained =
      std::all_of(lane_reports_.begin(), lane_reports_.end(),
                  [](const LaneReport& report) { return report.idle || report.failure; });
  if (lanes_ && !drained && services_.clock->Now() < rebuild_by_) return;
  BeginGeneration(std::exchange(rebuild_with_, nullptr));
  RemakeLanes();
}

// What could be gone back to is what has worked. One that was gone back to has nothing to prove.
void FunctionRunner::BeginGeneration(std::shared_ptr<const Generation> generation) {
  if (proven_ || !former_) former_ = generation_;
  generation_ = std::move(generation);
  if (former_ == generation_) former_.reset();
  proven_ = false;
  swap_watch_.reset();
  if (former_ && generation_->number > former_->number) {
    swap_watch_.emplace(spec_.swap, services_.clock->Now());
  }
}

void FunctionRunner::StepRollback() {
  const int current = generation_ ? generation_->number : 0;
  std::optional<Result<function::Generations::Target>> target;
  {
    const std::lock_guard lock(mutex_);
    const auto to = std::exchange(rollback_to_, std::nullopt);
    if (!to || *to == current) return;
    target = generations_.Former(current, to);
  }
  if (!*target) {
    services_.log->Warn("function " + spec_.name +
                        " is not rolled back: " + target->error().message);
    return;
  }
  newer_refusal_.clear();
  GoBack(**target, "rolled back by hand", SwapResult::kRolledBack, SwapKind::kAtBatch);
}

bool FunctionRunner::GoBack(const function::Generations::Target& target, const std::string& reason,
                            SwapResult result, SwapKind kind) {
  std::shared_ptr<const Generation> generation = former_;
  if (!generation || generation->number != target.number) {
    auto opened = Open(target.library, target.number);
    if (!opened) {
      services_.log->Error("function " + spec_.name + " cannot go back to generation " +
                           std::to_string(target.number) + ": " + opened.error().message);
      newer_refusal_ = opened.error().message;
      const std::lock_guard lock(mutex_);
      generations_.RefuseAdmitted(target.number, opened.error().message, NowMs());
      return false;
    }
    generation = *std::move(opened);
  }
  services_.log->Warn("function " + spec_.name + " goes back to generation " +
                      std::to_string(target.number) + " (" + target.hash12 + "): " + reason);
  if (generation_) {
    const std::lock_guard lock(mutex_);
    generations_.RollBack(generation_->number, target.number, reason, result, NowMs());
  }
  if (membership_) {
    SwapLanes(std::move(generation), kind);
  } else if (const Status started = Start(std::move(generation)); !started) {
    RefuseToRun(started.error().message);
  }
  return true;
}

// While a generation is new its errors end it; false: there is none to go back to.
bool FunctionRunner::GoBackForErrors(const std::string& reason, SwapKind kind) {
  std::optional<Result<function::Generations::Target>> target;
  {
    const std::lock_guard lock(mutex_);
    target = generations_.Former(generation_->number, std::nullopt);
  }
  swap_watch_.reset();
  if (!*target) return false;
  newer_refusal_ = "generation " + std::to_string(generation_->number) + " (" +
                   generation_->hash12 + ") was rolled back to " +
                   std::to_string((*target)->number) + ": " + reason;
  return GoBack(**target, reason, SwapResult::kRolledBackForErrors, kind);
}

// The present generation does not start: the one before it goes on.
void FunctionRunner::RefuseGeneration(const std::string& reason) {
  newer_refusal_ = reason;
  services_.log->Error("function " + spec_.name + " refused: " + reason +
                       "; the former library stays");
  swap_watch_.reset();
  Publish();  // the reason is there no later than the state; what follows may take a while
  const std::lock_guard lock(mutex_);
  generations_.RefuseAdmitted(generation_->number, reason, NowMs());
}

// A lane could not start an instance of it, and runs what it ran before: so do all.
void FunctionRunner::OnSwapRefused(const std::string& reason) {
  RefuseGeneration(reason);
  const bool at_batch = SameStateAndOutputs(*former_, *generation_);
  if (!at_batch) return SwapLanes(former_, SwapKind::kAnew);
  generation_ = std::exchange(former_, nullptr);
  proven_ = false;
  lanes_->Swap(generation_);
}

// Lanes that were made anew could not start, or no task could: nothing was done with it yet.
void FunctionRunner::RestoreFormer(const std::string& reason) {
  RefuseGeneration(reason);
  generation_ = std::exchange(former_, nullptr);
  proven_ = false;
  RemakeLanes();
}

// They do nothing that would have to be finished.
void FunctionRunner::RemakeLanes() {
  EndLanes();
  if (const Status started = StartLanes(); !started) {
    GiveBackDraining();
    return RestartLater(started.error().message);
  }
  membership_->AssignAgain();
}

void FunctionRunner::TakeReports() {
  for (const int32_t partition : std::exchange(given_back_, {})) {
    membership_->OnReleased(partition, {});
  }
  if (!lanes_) return;
  lane_reports_ = lanes_->TakeReports();
  for (LaneReport& report : lane_reports_) {
    for (auto& released : report.released) {
      // Of an ownership that is over: the group may have given the partition away and back since.
      const bool over = !released.group_metadata.empty() &&
                        released.group_metadata != assigned_[released.partition];
      if (over) continue;
      membership_->OnReleased(released.partition, std::move(released.final_offsets));
    }
    for (const lane::TaskStatus& task : report.tasks) {
      if (task.phase == lane::TaskPhase::kRunning) calls_.ForgetCrash(task.partition);
    }
  }
}

void FunctionRunner::JudgeLanes() {
  if (!lanes_ || leaving_ || rebuild_with_) return;
  for (const LaneReport& report : lane_reports_) {
    works_ = works_ || HasWorked(report);
    proven_ = proven_ || (report.generation == generation_->number && HasWorked(report));
    const auto& refusal = report.swap_refusal;
    if (!refusal || refusal->generation != generation_->number) continue;
    if (refusal->differs) return SwapLanes(generation_, SwapKind::kAnew);
    if (former_) return OnSwapRefused(refusal->reason);
    // It is what was gone back to, and a lane still runs what it should not.
    newer_refusal_ = refusal->reason;
    services_.log->Error("function " + spec_.name + ": a lane is made anew: " + refusal->reason);
    return SwapLanes(generation_, SwapKind::kAnew);
  }
  const auto stopped =
      std::find_if(lane_reports_.begin(), lane_reports_.end(),
                   [](const LaneReport& report) { return report.failure || report.stop_reason; });
  if (stopped != lane_reports_.end()) OnStopped(LaneReport(*stopped));
}

// A lane cannot go on. The report is no lane's own: what happens here may end them all.
void FunctionRunner::OnStopped(const LaneReport& report) {
  const std::string reason = report.failure ? *report.failure : report.stop_reason->text;
  const bool refused =
      report.failure || report.stop_reason->kind == lane::StopReason::Kind::kRefused;
  const int culprit = report.failure ? report.generation : report.stopped_by;
  if (culprit != generation_->number) {
    // Another one is wanted by now, which may do better.
    services_.log->Warn("function " + spec_.name + ": a lane is made anew with generation " +
                        std::to_string(generation_->number) + "; before it, " + reason);
    return report.failure ? RemakeLanes() : SwapLanes(generation_, SwapKind::kAnew);
  }
  if (refused && former_ && !proven_) return RestoreFormer(reason);
  if (swap_watch_ && GoBackForErrors(reason, SwapKind::kAnew)) return;
  state_ = refused ? RunState::kRefused : RunState::kStopped;
  reason_ = reason;
  services_.log->Error("function " + spec_.name + (refused ? " refused: " : " stops: ") + reason_);
  LeaveGroup();
}

void FunctionRunner::StepSwapWatch() {
  if (!swap_watch_ || leaving_ || rebuild_with_) return;
  uint64_t calls = 0;
  uint64_t errors = 0;
  for (const LaneReport& report : lane_reports_) {
    if (report.generation != generation_->number) continue;
    calls += report.calls;
    errors += report.errors;
  }
  if (const auto reason = swap_watch_->TooMany(calls, errors)) {
    GoBackForErrors(*reason, SwapKind::kAtBatch);
  } else if (swap_watch_->over(services_.clock->Now())) {
    swap_watch_.reset();
  }
}

void FunctionRunner::ObserveGenerations() {
  std::set<int> on_lanes;
  for (const LaneReport& report : lane_reports_) {
    const bool begins = generation_ && report.generation == generation_->number && !proven_ &&
                        !report.tasks.empty();
    if (report.generation != 0 && !begins) on_lanes.insert(report.generation);
  }
  const auto& wanted = rebuild_with_ ? rebuild_with_ : generation_;
  const int current = membership_ && wanted ? wanted->number : 0;
  // In its group without a task.
  const bool started = lanes_ && lanes_->started();
  if (!started && state_ == RunState::kRunning) on_lanes.insert(current);
  const std::lock_guard lock(mutex_);
  generations_.Observe(current, on_lanes, NowMs());
}

}  // namespace millrace::app
