// SPDX-License-Identifier: Apache-2.0
#include "app/function_process.h"

#include <csignal>
#include <utility>

#include "app/function_needs.h"

namespace millrace::app {
namespace {

constexpr Millis kAbortWait{1'000};  // for a process that was told to abort

}  // namespace

// Where control groups cannot be had, memory is bounded by the process itself, and processor time
// is not.
void FunctionProcess::MakeCgroup() {
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

Status FunctionProcess::Start(const Generation& generation, Delivery delivery,
                              std::vector<std::unique_ptr<commit::GroupOffsets>> offsets) {
  calls_->board()->ShowAlive(services_.clock->Now());
  MakeCgroup();
  LaneProcessOptions options{.command = services_.processes->command,
                             .start = {.settings = services_.settings,
                                       .redis_url = services_.processes->redis_url,
                                       .spec = spec_,
                                       .delivery = delivery,
                                       .needs_store = NeedsStore(spec_, generation.uses),
                                       .memory_bytes_max = std::nullopt,
                                       .library = ToOpen(generation)},
                             .board = calls_->board().get(),
                             .offsets = std::move(offsets),
                             .cgroup = cgroup_.get(),
                             .log = services_.log,
                             .clock = services_.clock};
  if (cgroup_) {
    memory_events_ = cgroup_->memory_events();
  } else {
    options.start.memory_bytes_max = spec_.limits.memory;
  }
  auto started = LaneProcess::Start(std::move(options));
  if (!started) return started.error();
  lanes_ = *std::move(started);
  return {};
}

void FunctionProcess::End() {
  lanes_.reset();
  kill_at_.reset();
  killed_for_.clear();
}

void FunctionProcess::Step(const std::vector<LaneReport>& reports) {
  lanes_->Step();
  if (!lanes_->end()) EndLate(services_.clock->Now(), reports);
}

// What does not come back ends its process; what was in flight is done again.
void FunctionProcess::EndLate(SteadyTime now, const std::vector<LaneReport>& reports) {
  if (kill_at_) {
    if (now >= *kill_at_) lanes_->Kill(SIGKILL);
    return;
  }
  auto late = calls_->TooLong(now, reports);
  if (!late) return;
  killed_for_ = std::move(late->what);
  calls_->board()->culprit()->Set(late->thread);
  kill_at_ = now + kAbortWait;
  lanes_->Kill(SIGABRT);
}

std::string FunctionProcess::HowItEnded(const std::vector<LaneReport>& reports) const {
  const std::string how = "its process " + *lanes_->end() + calls_->DiedOf(reports);
  const std::string why = WhyItWasKilled();
  return why.empty() ? how : how + ", because " + why;
}

// Empty: it was not, or nobody tells.
std::string FunctionProcess::WhyItWasKilled() const {
  if (!killed_for_.empty()) return killed_for_;
  if (!cgroup_ || !lanes_->killed()) return "";
  const auto events = cgroup_->memory_events();
  if (events.kills <= memory_events_.kills) return "";
  if (spec_.limits.memory && events.limit_reached > memory_events_.limit_reached) {
    return "it took more than limits.memory (" + std::to_string(*spec_.limits.memory) + " bytes)";
  }
  return "the machine, or a control group around it, had no memory left";
}

}  // namespace millrace::app
