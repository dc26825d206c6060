// SPDX-License-Identifier: Apache-2.0
#include "app/function_runner.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace millrace::app {
namespace {

constexpr int kTickMs = 50;  // how often the control thread looks, if nothing wakes it

int64_t NumberOf(const kafka::Properties& properties, const std::string& name, int64_t otherwise) {
  const auto found = properties.find(name);
  int64_t number = otherwise;
  if (found == properties.end()) return otherwise;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

// How long after its last heartbeat a member's partitions are somebody else's for certain.
Millis TakeOverTime(const kafka::Properties& properties) {
  return Millis(NumberOf(properties, "session.timeout.ms", 10'000) +
                NumberOf(properties, "heartbeat.interval.ms", 1'000));
}

}  // namespace

Status CheckOutputs(const FunctionSpec& spec, const std::vector<Use>& uses) {
  std::set<std::string> declared;
  for (const Use& use : uses) {
    if (use.kind == UseKind::kOutput) declared.insert(use.name);
  }
  for (const std::string& name : declared) {
    if (!spec.outputs.contains(name)) {
      return Fatal("output '" + name + "' of " + spec.library +
                   " has no topic: add it under `outputs:` of the function");
    }
  }
  for (const auto& [name, topic] : spec.outputs) {
    if (declared.contains(name)) continue;
    return Fatal("output '" + name + "' is configured, but " + spec.library +
                 " does not declare it");
  }
  return {};
}

// What the outputs of other functions are told apart by is kept like state.
bool NeedsStore(const FunctionSpec& spec, const std::vector<Use>& uses) {
  const bool deduplicates =
      std::any_of(spec.triggers.begin(), spec.triggers.end(),
                  [](const KafkaTrigger& trigger) { return trigger.deduplicate; });
  return deduplicates || std::any_of(uses.begin(), uses.end(),
                                     [](const Use& use) { return use.kind != UseKind::kOutput; });
}

std::vector<std::string> InputTopics(const FunctionSpec& spec) {
  std::set<std::string> topics;
  for (const KafkaTrigger& trigger : spec.triggers) {
    topics.insert(trigger.topics.begin(), trigger.topics.end());
  }
  return {topics.begin(), topics.end()};
}

FunctionRunner::FunctionRunner(HostServices services, FunctionSpec spec,
                               std::shared_ptr<const function::Library> library,
                               function::Generations generations)
    : services_(std::move(services)),
      spec_(std::move(spec)),
      newest_(std::move(library)),
      generations_(std::move(generations)),
      problem_log_(spec_.name, services_.log, services_.clock) {
  input_topics_ = InputTopics(spec_);
  for (int i = 0; i < spec_.lanes; ++i) {
    counters_.push_back(std::make_unique<observe::LaneCounters>());
    in_flight_.push_back(std::make_unique<invoke::InFlight>());
  }
  thread_ = std::thread([this] { Run(); });
}

FunctionRunner::~FunctionRunner() {
  ending_ = true;
  wake_.Signal();
  thread_.join();
}

void FunctionRunner::Replace(std::shared_ptr<const function::Library> library) {
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
    pollfd waiting{.fd = wake_.fd(), .events = POLLIN, .revents = 0};
    poll(&waiting, 1, kTickMs);
    wake_.Drain();
    if (!stop_asked_ && !leaving_ && !rebuild_with_) {
      StepRollback();
      if (!rebuild_with_) OpenNewest();
    }
    if (membership_) {
      StepLanes();
      if (rebuild_with_) StepRebuild();
      StepSwapWatch();
      StepMembership();
    }
    ObserveGenerations();
    if (stop_asked_ && membership_ && !leaving_) LeaveGroup();
    if (stop_asked_ && !membership_) stopped_ = true;
    Publish();
  }
  EndGroup();
}

Status FunctionRunner::JoinGroup() {
  const kafka::ClientOptions client{.properties = services_.kafka,
                                    .client_id = kafka::ClientId(spec_.name, services_.host_id),
                                    .log = [this](int level, const std::string& text) {
                                      services_.log->Log(
                                          level <= 3   ? LogLevel::kError
                                          : level <= 4 ? LogLevel::kWarn
                                                       : LogLevel::kDebug,
                                          "function " + spec_.name + ": kafka: " + text);
                                    }};
  std::vector<std::string> topics = input_topics_;
  for (const auto& [name, topic] : spec_.outputs) topics.push_back(topic);
  auto watch = kafka::TopicWatch::Create(client, topics);
  if (!watch) return watch.error();
  {
    const std::lock_guard lock(mutex_);
    watch_ = *std::move(watch);
  }
  auto member = kafka::GroupMember::Join({.client = client,
                                          .group = spec_.group,
                                          .topics = input_topics_,
                                          .watch = watch_,
                                          .wake_fd = wake_.fd()});
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
  return {};
}

void FunctionRunner::StartLanes() {
  lane_reports_.assign(static_cast<size_t>(spec_.lanes), {});
  for (int slot = 0; slot < spec_.lanes; ++slot) {
    lanes_.push_back(std::make_unique<LaneThread>(LaneOptions(slot)));
  }
}

LaneThreadOptions FunctionRunner::LaneOptions(int slot) {
  const kafka::ClientOptions client{
      .properties = services_.kafka,
      .client_id = kafka::ClientId(spec_.name, services_.host_id) + "-" + std::to_string(slot),
      .log = [log = services_.log, name = spec_.name](int level, const std::string& text) {
        log->Log(level <= 3 ? LogLevel::kWarn : LogLevel::kDebug,
                 "function " + name + ": kafka: " + text);
      }};
  std::vector<std::string> outputs;  // topics, in the order of the library's outputs
  for (const Use& use : generation_->uses) {
    if (use.kind == UseKind::kOutput) outputs.push_back(spec_.outputs.at(use.name));
  }
  const int partitions =
      input_topics_.empty() ? 0 : watch_->PartitionCount(input_topics_.front()).value_or(0);
  const auto topics = static_cast<int>(input_topics_.size());
  const std::string owner = "mr." + services_.namespace_name + "." + spec_.name + "." +
                            services_.host_id + "." + std::to_string(slot);
  LaneThreadOptions options;
  options.slot = slot;
  options.settings = {.function = spec_.name,
                      .group = spec_.group,
                      .owner = owner,
                      .delivery = delivery(),
                      .policies = spec_.policies,
                      .outputs = outputs,
                      .versions = generation_->versions,
                      .batch = spec_.batch,
                      .commit_interval = spec_.commit_interval,
                      .commit_max_effects = static_cast<size_t>(spec_.commit_max_effects),
                      .commit_max_bytes = static_cast<size_t>(spec_.commit_max_bytes),
                      .cache_bytes = static_cast<size_t>(spec_.cache_bytes),
                      .output_bytes_max = static_cast<size_t>(services_.lane_output_bytes),
                      .fenced_wait = TakeOverTime(services_.kafka)};
  options.generation = generation_;
  options.consumer = {
      .client = client,
      .group = spec_.group,
      .queue_bytes = services_.lane_queue_bytes,
      .partitions_expected = std::max(1, (partitions * topics + spec_.lanes - 1) / spec_.lanes)};
  options.producer = {.client = client, .topics = outputs, .watch = watch_};
  options.transactions = {.client = client, .transactional_id = owner};
  options.offsets = offsets_.get();
  if (needs_store()) options.store = services_.store;
  options.counters = counters_[static_cast<size_t>(slot)].get();
  options.in_flight = in_flight_[static_cast<size_t>(slot)].get();
  options.log = services_.log;
  options.clock = services_.clock;
  options.control = &wake_;
  return options;
}

void FunctionRunner::StepMembership() {
  membership_->Step(services_.clock->Now());
  if (membership_->refusal() && !leaving_) {
    state_ = RunState::kRefused;
    reason_ = *membership_->refusal();
    services_.log->Error("function " + spec_.name + " refused: " + reason_);
    LeaveGroup();
  }
  if (state_ == RunState::kStarting && membership_->joined()) state_ = RunState::kRunning;
  if (leaving_ && membership_->left()) EndGroup();
}

void FunctionRunner::LeaveGroup() {
  leaving_ = true;
  if (state_ == RunState::kStarting || state_ == RunState::kRunning) state_ = RunState::kStopping;
  membership_->Leave(services_.clock->Now());
}

void FunctionRunner::EndGroup() {
  lanes_.clear();
  lane_reports_.clear();
  membership_.reset();
  offsets_.reset();
  member_.reset();
  rebuild_with_.reset();
  swap_watch_.reset();
  leaving_ = false;
}

void FunctionRunner::Assign(int lane, membership::GroupTask task) {
  if (rebuild_with_) return;         // handed over by AssignAgain
  if (lanes_.empty()) StartLanes();  // by now the partition counts are known, which bound memory
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
  lanes_[static_cast<size_t>(lane)]->Assign(std::move(assignment));
}

// Between the end of lanes and the making of new ones only what is draining already is asked for.
void FunctionRunner::Revoke(int lane, int32_t partition) {
  if (lanes_.empty()) StartLanes();
  lanes_[static_cast<size_t>(lane)]->Revoke(partition);
}

void FunctionRunner::Abandon(int lane, int32_t partition) {
  if (lanes_.empty()) return;
  lanes_[static_cast<size_t>(lane)]->Abandon(partition);
}

// Nobody can end a handler that runs in this process; it can be told of.
std::optional<std::string> FunctionRunner::LateHandler(size_t slot) const {
  const auto call = in_flight_[slot]->Read();
  if (!call || services_.clock->Now() < call->since + spec_.limits.timeout) return std::nullopt;
  // The lane's report is from before the call, perhaps from before the task had begun.
  std::string topic = call->topic < input_topics_.size() ? input_topics_[call->topic] : "?";
  for (const lane::TaskStatus& task : lane_reports_[slot].tasks) {
    if (task.partition == call->partition && call->topic < task.topics.size()) {
      topic = task.topics[call->topic].topic;
    }
  }
  return "the handler has worked on " + Coordinates(topic, call->partition, call->offset) +
         " for longer than limits.timeout (" + std::to_string(spec_.limits.timeout.count()) +
         " ms); the other tasks of lane " + std::to_string(slot) +
         " wait, and no new library is taken there until it comes back: if it never does, mend it "
         "and restart the host";
}

void FunctionRunner::Publish() {
  RunReport report;
  report.state = state_;
  report.reason = !reason_.empty() ? reason_ : newer_refusal_;
  report.generation = generation_;
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
    if (auto late = LateHandler(i)) {
      problems.insert(*std::move(late));
      ++report.late_handlers;
    }
  }
  report.problems.insert(report.problems.end(), problems.begin(), problems.end());
  problem_log_.Update(report.problems);
  const std::lock_guard lock(mutex_);
  report_ = std::move(report);
}

}  // namespace millrace::app
