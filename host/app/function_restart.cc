// SPDX-License-Identifier: Apache-2.0
// What a function does when the process that has its lanes ends by itself: goes on with the former
// generation, goes back to it, or starts the process again. The group notices none of it.
#include "app/function_runner.h"

namespace millrace::app {

void FunctionRunner::StepProcess() {
  const LaneProcess* process = process_.lanes();
  if (!process) return;
  const bool idle = process->open() && membership_->tasks().empty();
  if (works_ || idle) crash_problem_.clear();
  process_.Step(lane_reports_);
  if (process->end()) OnProcessEnded();
}

void FunctionRunner::OnProcessEnded() {
  const std::string reason = process_.HowItEnded(lane_reports_);
  ended_itself_ = true;
  TakeReports();  // what it gave back before
  calls_.NoteCrash(membership_->tasks(), lane_reports_);
  // It may have been the former generation's handler, while the present one was being opened.
  const bool by_former = former_ && calls_.DiedInHandlerOf(former_->hash12);
  EndLanes();
  GiveBackDraining();
  if (leaving_ || rebuild_with_) {
    return services_.log->Warn("function " + spec_.name + ": " + reason);
  }
  if (former_ && !proven_ && !by_former) return RestoreFormer(reason);
  if (swap_watch_ && !by_former && GoBackForErrors(reason, SwapKind::kAnew)) return;
  RestartLater(reason);
}

// What was draining has nothing left to finish.
void FunctionRunner::GiveBackDraining() {
  for (const auto& [partition, lane] : membership_->tasks()) membership_->OnReleased(partition, {});
}

void FunctionRunner::RestartLater(const std::string& why) {
  const Millis wait = restart_wait_.Ended(services_.clock->Now());
  state_ = RunState::kStarting;
  crash_problem_ = why;
  services_.log->Error("function " + spec_.name + ": " + why + "; it is started again" +
                       (wait.count() == 0 ? "" : " in " + std::to_string(wait.count()) + " ms"));
}

void FunctionRunner::StepRestart() {
  if (!membership_ || lanes_ || leaving_ || rebuild_with_) return;
  if (!restart_wait_.over(services_.clock->Now())) return;
  RemakeLanes();
}

}  // namespace millrace::app
