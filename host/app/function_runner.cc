// SPDX-License-Identifier: Apache-2.0
#include "app/function_runner.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <set>

#include "app/function_needs.h"

namespace millrace::app {
namespace {

constexpr int kTickMs = 50;  // how often the control thread looks, if nothing wakes it

kafka::LogSink KafkaLog(Logger* log, const std::string& function) {
  return [log, function](int level, const std::string& text) {
    log->Log(level <= 3   ? LogLevel::kError
             : level <= 4 ? LogLevel::kWarn
                          : LogLevel::kDebug,
             "function " + function + ": kafka: " + text);
  };
}

// Where the process that comes after a crash of this one finds what was in flight; empty: nowhere.
std::string InFlightFile(const HostServices& services, const std::string& function) {
  if (services.in_flight_dir.empty()) return "";
  return services.in_flight_dir + "/" + services.settings.namespace_name + "." +
         services.settings.host_id + "." + function;
}

}  // namespace

FunctionRunner::FunctionRunner(HostServices services, FunctionSpec spec,
                               std::shared_ptr<const function::CheckedCopy> library,
                               function::Generations generations)
    : services_(std::move(services)),
      spec_(std::move(spec)),
      calls_(spec_, isolation() == Isolation::kProcess ? "" : InFlightFile(services_, spec_.name),
             services_.log),
      newest_(std::move(library)),
      generations_(std::move(generations)),
      problem_log_(spec_.name, services_.log, services_.clock),
      process_(services_, spec_, &calls_) {
  thread_ = std::thread([this] { Run(); });
}

FunctionRunner::~FunctionRunner() {
  ending_ = true;
  wake_.Signal();
  thread_.join();
}

void FunctionRunner::Replace(std::shared_ptr<const function::CheckedCopy> library) {
  {
    const std::lock_guard lock(mutex_);
    newest_ = std::move(library);
  }
  wake_.Signal();
}

void FunctionRunner::BeginStop() {
  stop_asked_ = true;
  wake_.Signal();
}

RunReport FunctionRunner::Report() const {
  const std::lock_guard lock(mutex_);
  RunReport report = report_;
  report.generations = generations_.Records();
  report.swaps = generations_.swaps();
  return report;
}

std::optional<int32_t> FunctionRunner::PartitionCount(const std::string& topic) const {
  const std::lock_guard lock(mutex_);
  return watch_ ? watch_->PartitionCount(topic) : std::nullopt;
}

bool FunctionRunner::needs_store() const { return NeedsStore(spec_, generation_->uses); }

Delivery FunctionRunner::delivery() const {
  return services_.transactions ? spec_.delivery : Delivery::kAtLeastOnce;
}

void FunctionRunner::Run() {
  while (!ending_) {
    // poll leaves out what is negative.
    std::array<pollfd, 2> waiting{pollfd{.fd = wake_.fd(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = process_.fd(), .events = POLLIN, .revents = 0}};
    poll(waiting.data(), waiting.size(), kTickMs);
    wake_.Drain();
    if (!stop_asked_ && !leaving_ && !rebuild_with_) {
      StepRollback();
      if (!rebuild_with_) OpenNewest();
    }
    if (membership_) {
      StepProcess();
      StepRestart();
      TakeReports();
      JudgeLanes();
      if (rebuild_with_) StepRebuild();
      StepSwapWatch();
      StepMembership();
    }
    if (ending_) invocations_.Close();
    invocations_.HandTo(process_.lanes());
    ObserveGenerations();
    if (stop_asked_ && membership_ && !leaving_) LeaveGroup();
    if (stop_asked_ && !membership_ && !stopped_) {
      calls_.RemoveFile();  // before another runner of the function may make its own
      stopped_ = true;
    }
    Publish();
  }
  EndGroup();
  if (!stopped_) calls_.RemoveFile();
  invocations_.Close();
  invocations_.HandTo(nullptr);
}

Status FunctionRunner::JoinGroup() {
  const kafka::ClientOptions client{
      .properties = services_.settings.kafka,
      .client_id = kafka::ClientId(spec_.name, services_.settings.host_id),
      .log = KafkaLog(services_.log, spec_.name)};
  auto watch = kafka::TopicWatch::Create(client, TopicsOf(spec_));
  if (!watch) return watch.error();
  {
    const std::lock_guard lock(mutex_);
    watch_ = *std::move(watch);
  }
  const std::vector<std::string> input_topics = InputTopics(spec_);
  const auto& board = calls_.board();
  auto member = kafka::GroupMember::Join({.client = client,
                                          .group = spec_.group,
                                          .topics = input_topics,
                                          .watch = watch_,
                                          .wake_fd = wake_.fd(),
                                          .lease = {board, board->lease()}});
  if (!member) return member.error();
  member_ = *std::move(member);
  std::vector<kafka::InputTopic> inputs;
  for (const KafkaTrigger& trigger : spec_.triggers) {
    for (const std::string& topic : trigger.topics) inputs.push_back({topic, trigger.start});
  }
  offsets_ = std::make_unique<kafka::OffsetsWorker>(*member_, std::move(inputs));
  membership_ = std::make_unique<membership::Membership>(
      membership::MembershipSettings{.function = spec_.name,
                                     .topics = input_topics,
                                     .lanes = spec_.lanes,
                                     .needs_equal_partitions = needs_store()},
      member_.get(), this);
  leaving_ = false;
  // A process that cannot be had now may be later.
  if (const Status started = StartLanes(); !started) RestartLater(started.error().message);
  return {};
}

Status FunctionRunner::StartLanes() {
  lane_reports_.assign(static_cast<size_t>(spec_.lanes), {});
  in_process_ = {generation_->hash12};
  if (isolation() == Isolation::kInline) {
    threads_ = MakeThreads();
    lanes_ = threads_.get();
    return {};
  }
  restart_wait_.Began(services_.clock->Now());
  std::vector<std::unique_ptr<commit::GroupOffsets>> offsets(lane_reports_.size());
  for (auto& lane : offsets) lane = offsets_->ForLane(wake_.fd());
  Status started = process_.Start(*generation_, delivery(), std::move(offsets));
  lanes_ = process_.lanes();
  if (lanes_ && std::exchange(ended_itself_, false)) ++restarts_;
  return started;
}

std::unique_ptr<Lanes> FunctionRunner::MakeThreads() {
  LaneThreadsOptions options{.settings = services_.settings,
                             .spec = spec_,
                             .delivery = delivery(),
                             .generation = generation_,
                             .board = calls_.board().get(),
                             .watch = watch_,
                             .offsets = {},
                             .store = needs_store() ? services_.store : StoreFactory(),
                             .log = services_.log,
                             .clock = services_.clock,
                             .control = &wake_};
  options.offsets.assign(static_cast<size_t>(spec_.lanes), [offsets = offsets_.get()](int wake_fd) {
    return offsets->ForLane(wake_fd);
  });
  return std::make_unique<LaneThreads>(std::move(options));
}

void FunctionRunner::StepMembership() {
  membership_->Step(services_.clock->Now());
  if (membership_->refusal() && !leaving_) {
    state_ = RunState::kRefused;
    reason_ = *membership_->refusal();
    services_.log->Error("function " + spec_.name + " refused: " + reason_);
    LeaveGroup();
  }
  const bool works = membership_->joined() && crash_problem_.empty();
  if (state_ == RunState::kStarting && works) state_ = RunState::kRunning;
  if (leaving_ && membership_->left()) EndGroup();
}

void FunctionRunner::LeaveGroup() {
  leaving_ = true;
  if (state_ == RunState::kStarting || state_ == RunState::kRunning) state_ = RunState::kStopping;
  membership_->Leave(services_.clock->Now());
}

void FunctionRunner::EndLanes() {
  lanes_ = nullptr;
  threads_.reset();
  process_.End();
  lane_reports_.clear();
  works_ = false;
  calls_.board()->Clear();
}

void FunctionRunner::EndGroup() {
  EndLanes();
  given_back_.clear();
  assigned_.clear();
  crash_problem_.clear();
  restart_wait_.Forget();
  ended_itself_ = false;
  membership_.reset();
  offsets_.reset();
  member_.reset();
  rebuild_with_.reset();
  swap_watch_.reset();
  leaving_ = false;
}

void FunctionRunner::Assign(int lane, membership::GroupTask task) {
  if (rebuild_with_ || !lanes_) return;  // handed over by AssignAgain
  lane::TaskAssignment assignment{.partition = task.partition,
                                  .partition_count = task.partition_count,
                                  .topics = {},
                                  .group_metadata = std::move(task.group_metadata)};
  for (const std::string& topic : task.topics) {
    ingest::InputTopic input{.topic = topic, .filter = std::nullopt};
    for (const KafkaTrigger& trigger : spec_.triggers) {
      if (std::find(trigger.topics.begin(), trigger.topics.end(), topic) != trigger.topics.end()) {
        input.filter = trigger.filter;
        input.deduplicate = trigger.deduplicate;
      }
    }
    assignment.topics.push_back(std::move(input));
  }
  assignment.crash = calls_.Crash(task.partition);
  assigned_[task.partition] = assignment.group_metadata;
  lanes_->Assign(lane, std::move(assignment));
}

void FunctionRunner::Revoke(int lane, int32_t partition) {
  if (!lanes_) return given_back_.push_back(partition);
  lanes_->Revoke(lane, partition);
}

void FunctionRunner::Abandon(int lane, int32_t partition) {
  if (lanes_) lanes_->Abandon(lane, partition);
}

std::shared_ptr<const Generation> FunctionRunner::InUse() const {
  const bool former = former_ && std::any_of(lane_reports_.begin(), lane_reports_.end(),
                                             [this](const LaneReport& report) {
                                               return report.generation == former_->number;
                                             });
  return former ? former_ : generation_;
}

void FunctionRunner::Publish() {
  RunReport report;
  report.state = state_;
  report.reason = !reason_.empty() ? reason_ : newer_refusal_;
  report.generation = generation_;
  report.in_use = InUse();
  if (process_.lanes()) report.pid = process_.lanes()->pid();
  report.restarts = restarts_;
  if (membership_ && !membership_->problem().empty()) {
    report.problems.push_back(membership_->problem());
  }
  std::set<std::string> problems;  // the same of several lanes is told once
  for (size_t i = 0; i < lane_reports_.size(); ++i) {
    if (lane_reports_[i].problem) problems.insert(*lane_reports_[i].problem);
    for (const lane::TaskStatus& task : lane_reports_[i].tasks) {
      report.tasks.push_back({.lane = static_cast<int>(i), .status = task});
    }
  }
  if (membership_ && watch_) {
    for (const auto& [name, topic] : spec_.outputs) {
      if (const auto problem = watch_->Problem(topic)) {
        problems.insert("output topic " + topic + ": " + *problem);
      }
    }
  }
  const SteadyTime now = services_.clock->Now();
  for (size_t i = 0; i < lane_reports_.size(); ++i) {
    if (auto late = calls_.LateHandler(static_cast<int>(i), now, lane_reports_)) {
      // Nobody can end a handler that runs in this process; it can be told of.
      if (!process_.lanes()) {
        *late += "; the other tasks of lane " + std::to_string(i) +
                 " wait, and no new library is taken there until it comes back: if it never does, "
                 "mend it and restart the host";
      }
      problems.insert(*std::move(late));
      ++report.late_handlers;
    }
  }
  report.problems.insert(report.problems.end(), problems.begin(), problems.end());
  problem_log_.Update(report.problems);
  if (!crash_problem_.empty()) report.problems.push_back(crash_problem_);  // the log has it
  const std::lock_guard lock(mutex_);
  report_ = std::move(report);
}

}  // namespace millrace::app
