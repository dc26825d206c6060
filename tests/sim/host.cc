// SPDX-License-Identifier: Apache-2.0
#include "sim/host.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace millrace::sim {
namespace {

lane::LaneSettings LaneSettingsOf(const HostSettings& settings, const std::string& name) {
  lane::LaneSettings lane;
  lane.function = "test";
  lane.group = "millrace.default.test";
  lane.owner = "mr.default.test." + name + ".0";
  lane.delivery = settings.delivery;
  lane.policies = settings.policies;
  lane.outputs = {"out"};
  lane.batch.max_records = settings.max_records;
  lane.commit_interval = settings.commit_interval;
  lane.commit_max_effects = settings.commit_max_effects;
  lane.cache_bytes = settings.cache_bytes;
  lane.state_write_interval = settings.state_write_interval;
  lane.redo_bytes_max = settings.redo_bytes_max;
  lane.max_crashes = settings.max_crashes;
  lane.fenced_wait = Millis(300);
  return lane;
}

}  // namespace

Process::Process(Cluster* cluster, const HostSettings& settings, const std::string& name,
                 std::shared_ptr<const Generation> generation)
    : records(&cluster->log),
      store(&cluster->database),
      transactions(&cluster->broker, &cluster->clock, &member, "mr.default.test." + name + ".0",
                   settings.breaks),
      group(&cluster->broker, &cluster->log, &cluster->clock, &member, &transactions,
            settings.breaks),
      cluster_(cluster),
      settings_(settings) {
  store.held = true;
  store.keeps_commits = false;
  sink.held = true;
  sink.partition_counts[0] = kOutputPartitions;
  lane::LanePorts ports;
  ports.records = &records;
  ports.outputs = &sink;
  ports.group = &group;
  ports.observer = this;
  ports.counters = &counters_;
  ports.clock = &cluster->clock;
  if (settings.delivery == Delivery::kExactlyOnce) ports.transactions = &transactions;
  if (settings.stateful) {
    ports.store = &store;
    ports.reader = &store;
  }
  ports.new_epoch = [cluster] { return std::to_string(cluster->next_epoch++); };
  auto made =
      lane::Lane::Create(LaneSettingsOf(settings, name), std::move(ports), std::move(generation));
  if (!made) std::abort();  // the test's own function always starts
  lane = *std::move(made);
}

Process::~Process() = default;

void Process::Step() { lane->Step(cluster_->clock.Now()); }

void Process::AdvanceOutputs(size_t written, size_t acknowledged) {
  for (; written > 0 && written_ < sink.produced.size(); --written, ++written_) {
    const fakes::ProducedRecord& record = sink.produced[written_];
    cluster_->broker.Write(record.partition, {.id = record.id, .value = record.value.value_or("")});
  }
  sink.Acknowledge(std::min(acknowledged, written_ - sink.acknowledged));
}

void Process::Assign(int32_t partition, int partition_count, std::optional<CrashMark> crash) {
  tasks.insert(partition);
  lane::TaskAssignment task{.partition = partition,
                            .partition_count = partition_count,
                            .topics = {{.topic = "in", .filter = {}}},
                            .group_metadata = member.metadata,
                            .crash = std::move(crash)};
  lane->Assign(std::move(task));
}

void Process::Die() {
  member.dead = true;
  store.cut = true;
  sink.cut = true;
}

void Process::Revoke(int32_t partition) {
  revoking.insert(partition);
  lane->Revoke(partition);
}

void Process::Abandon(int32_t partition) {
  tasks.erase(partition);
  revoking.erase(partition);
  lane->Abandon(partition);
}

std::vector<lane::ReleasedTask> Process::TakeReleased() {
  std::vector<lane::ReleasedTask> released = lane->TakeReleased();
  for (const lane::ReleasedTask& task : released) {
    tasks.erase(task.partition);
    revoking.erase(task.partition);
  }
  return released;
}

bool Process::has_unpublished() const {
  return transactions.in_transaction() || sink.acknowledged < sink.produced.size();
}

}  // namespace millrace::sim
