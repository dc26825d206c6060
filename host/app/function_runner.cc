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

}  // namespace

FunctionRunner::FunctionRunner(HostServices services, FunctionSpec spec,
                               std::shared_ptr<const function::CheckedCopy> library,
                               function::Generations generations)
    : services_(std::move(services)),
      spec_(std::move(spec)),
      newest_(std::move(library)),
      generations_(std::move(generations)),
      problem_log_(spec_.name, services_.log, services_.clock) {
  input_topics_ = InputTopics(spec_);
  board_ = MakeBoard();
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
    std::array<pollfd, 2> waiting{
        pollfd{.fd = wake_.fd(), .events = POLLIN, .revents = 0},
        pollfd{.fd = process_ ? process_->fd() : -1, .events = POLLIN, .revents = 0}};
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
    TakeInvocations();
    ObserveGenerations();
    if (stop_asked_ && membership_ && !leaving_) LeaveGroup();
    if (stop_asked_ && !membership_ && !stopped_) {
      ForgetBoardFile();  // before another runner of the function may make its own
      stopped_ = true;
    }
    Publish();
  }
  EndGroup();
  if (!stopped_) ForgetBoardFile();
  TakeInvocations();
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
  auto member = kafka::GroupMember::Join({.client = client,
                                          .group = spec_.group,
                                          .topics = input_topics_,
                                          .watch = watch_,
                                          .wake_fd = wake_.fd(),
                                          .lease = {board_, board_->lease()}});
  if (!member) return member.error();
  member_ = *std::move(member);
  std::vector<kafka::InputTopic> inputs;
  for (const KafkaTrigger& trigger : spec_.triggers) {
    for (const std::string& topic : trigger.topics) inputs.push_back({topic, trigger.start});
  }
  offsets_ = std::make_unique<kafka::OffsetsWorker>(*member_, std::move(inputs));
  membership_ = std::make_unique<membership::Membership>(
      membership::MembershipSettings{.function = spec_.name,
                                     .topics = input_topics_,
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
    lanes_ = MakeThreads();
    return {};
  }
  process_since_ = services_.clock->Now();
  board_->ShowAlive(process_since_);
  auto process = MakeProcess();
  if (!process) return process.error();
  process_ = process->get();
  lanes_ = *std::move(process);
  return {};
}

std::unique_ptr<Lanes> FunctionRunner::MakeThreads() {
  LaneThreadsOptions options{.settings = services_.settings,
                             .spec = spec_,
                             .delivery = delivery(),
                             .generation = generation_,
                             .board = board_.get(),
                             .watch = watch_,
                             .offsets = {},
                             .store = needs_store() ? services_.store : StoreFactory(),
                             .log = services_.log,
                             .clock = services_.clock,
                             .control = &wake_};
  for (int lane = 0; lane < spec_.lanes; ++lane) {
    options.offsets.push_back(
        [offsets = offsets_.get()](int wake_fd) { return offsets->ForLane(wake_fd); });
  }
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
  process_ = nullptr;
  lanes_.reset();
  lane_reports_.clear();
  works_ = false;
  // Nothing of it is left to be taken for its successor's.
  board_->Clear();
  for (int lane = 0; lane < spec_.lanes; ++lane) board_->slot(lane).counters.ClearGauges();
  kill_at_.reset();
  killed_for_.clear();
}

void FunctionRunner::EndGroup() {
  EndLanes();
  given_back_.clear();
  assigned_.clear();
  crash_problem_.clear();
  crashes_ = 0;
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
  if (const auto crash = crash_marks_.find(task.partition); crash != crash_marks_.end()) {
    assignment.crash = crash->second;
  }
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

// The lane's report is from before the call, perhaps from before the task had begun.
std::string FunctionRunner::TopicOf(int slot, const invoke::InFlight::Call& call) const {
  std::string topic = call.topic < input_topics_.size() ? input_topics_[call.topic] : "?";
  for (const lane::TaskStatus& task : lane_reports_[static_cast<size_t>(slot)].tasks) {
    if (task.partition == call.partition && call.topic < task.topics.size()) {
      topic = task.topics[call.topic].topic;
    }
  }
  return topic;
}

std::string FunctionRunner::AtCall(int slot, const invoke::InFlight::Call& call) const {
  return Coordinates(TopicOf(slot, call), call.partition, call.offset);
}

std::optional<std::string> FunctionRunner::LateHandler(int slot) const {
  const auto call = board_->slot(slot).in_flight.Read();
  if (!call || services_.clock->Now() < call->since + spec_.limits.timeout) return std::nullopt;
  if (call->partition < 0) {
    return "start() or stop() of the library has lasted for longer than limits.timeout (" +
           std::to_string(spec_.limits.timeout.count()) + " ms)";
  }
  return "the handler has worked on " + AtCall(slot, *call) + " for longer than limits.timeout (" +
         std::to_string(spec_.limits.timeout.count()) + " ms)";
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
  if (process_) report.pid = process_->pid();
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
  for (size_t i = 0; i < lane_reports_.size(); ++i) {
    if (auto late = LateHandler(static_cast<int>(i))) {
      // Nobody can end a handler that runs in this process; it can be told of.
      if (!process_) {
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
