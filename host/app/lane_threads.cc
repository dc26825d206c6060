// SPDX-License-Identifier: Apache-2.0
#include "app/lane_threads.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "app/function_needs.h"

namespace millrace::app {
namespace {

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

void LaneThreads::Start(int partition_count) {
  for (int slot = 0; slot < options_.spec.lanes; ++slot) {
    threads_.push_back(std::make_unique<LaneThread>(OptionsOf(slot, partition_count)));
  }
}

LaneThreadOptions LaneThreads::OptionsOf(int slot, int partition_count) const {
  const FunctionSpec& spec = options_.spec;
  const HostSettings& host = options_.settings;
  const kafka::ClientOptions client{
      .properties = host.kafka,
      .client_id = kafka::ClientId(spec.name, host.host_id) + "-" + std::to_string(slot),
      .log = [log = options_.log, name = spec.name](int level, const std::string& text) {
        log->Log(level <= 3 ? LogLevel::kWarn : LogLevel::kDebug,
                 "function " + name + ": kafka: " + text);
      }};
  std::vector<std::string> outputs;  // topics, in the order of the library's outputs
  for (const Use& use : options_.generation->uses) {
    if (use.kind == UseKind::kOutput) outputs.push_back(spec.outputs.at(use.name));
  }
  const auto topics = static_cast<int>(InputTopics(spec).size());
  const std::string owner = "mr." + host.namespace_name + "." + spec.name + "." + host.host_id +
                            "." + std::to_string(slot);
  LaneThreadOptions options;
  options.slot = slot;
  options.settings = {.function = spec.name,
                      .group = spec.group,
                      .owner = owner,
                      .delivery = options_.delivery,
                      .policies = spec.policies,
                      .outputs = outputs,
                      .versions = options_.generation->versions,
                      .batch = spec.batch,
                      .commit_interval = spec.commit_interval,
                      .commit_max_effects = static_cast<size_t>(spec.commit_max_effects),
                      .commit_max_bytes = static_cast<size_t>(spec.commit_max_bytes),
                      .max_crashes = spec.max_crashes,
                      .cache_bytes = static_cast<size_t>(spec.cache_bytes),
                      .output_bytes_max = static_cast<size_t>(host.lane_output_bytes),
                      .fenced_wait = TakeOverTime(host.kafka)};
  options.generation = options_.generation;
  options.consumer = {
      .client = client,
      .group = spec.group,
      .queue_bytes = host.lane_queue_bytes,
      .partitions_expected = std::max(1, (partition_count * topics + spec.lanes - 1) / spec.lanes)};
  options.producer = {.client = client, .topics = outputs, .watch = options_.watch};
  options.transactions = {.client = client, .transactional_id = owner};
  options.offsets = options_.offsets[static_cast<size_t>(slot)];
  options.store = options_.store;
  options.counters = &options_.board->slot(slot).counters;
  options.in_flight = &options_.board->slot(slot).in_flight;
  options.log = options_.log;
  options.clock = options_.clock;
  options.control = options_.control;
  options.culprit = options_.board->culprit();
  return options;
}

void LaneThreads::Assign(int lane, lane::TaskAssignment task) {
  if (threads_.empty()) Start(task.partition_count);
  threads_[static_cast<size_t>(lane)]->Assign(std::move(task));
}

// Between the end of lanes and the making of new ones only what is draining already is asked for.
void LaneThreads::Revoke(int lane, int32_t partition) {
  if (threads_.empty()) return never_had_.push_back(partition);
  threads_[static_cast<size_t>(lane)]->Revoke(partition);
}

void LaneThreads::Abandon(int lane, int32_t partition) {
  if (threads_.empty()) return;
  threads_[static_cast<size_t>(lane)]->Abandon(partition);
}

void LaneThreads::Swap(std::shared_ptr<const Generation> generation) {
  for (const auto& thread : threads_) thread->Swap(generation);
  options_.generation = std::move(generation);  // of threads that are made later
}

std::vector<LaneReport> LaneThreads::TakeReports() {
  std::vector<LaneReport> reports(static_cast<size_t>(options_.spec.lanes));
  for (size_t i = 0; i < threads_.size(); ++i) reports[i] = threads_[i]->TakeReport();
  if (threads_.empty()) {
    for (LaneReport& report : reports) report.idle = true;
  }
  for (const int32_t partition : std::exchange(never_had_, {})) {
    reports.front().released.push_back({.partition = partition, .final_offsets = {}});
  }
  return reports;
}

}  // namespace millrace::app
