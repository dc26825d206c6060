// SPDX-License-Identifier: Apache-2.0
#include "app/rebuild_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "commit/published_note.h"

namespace millrace::app {
namespace {

using kafka::GroupSurvey;
using kafka::InputPartition;

std::string At(const InputPartition& input) {
  return input.at.topic + "/" + std::to_string(input.at.partition);
}

std::optional<int64_t> OffsetOf(const Offsets& offsets, const std::string& topic) {
  for (const TopicOffset& offset : offsets) {
    if (offset.topic == topic) return offset.offset;
  }
  return std::nullopt;
}

Status CheckAlone(const FunctionSpec& spec, const GroupSurvey& group) {
  if (group.members.empty()) return {};
  std::string members;
  for (const std::string& member : group.members) {
    members += (members.empty() ? "" : ", ") + member;
  }
  return Fatal("group " + spec.group + " has members: " + members + ": stop function " + spec.name +
               " on all hosts first (one that was killed is a member until its session ends)");
}

// As the host itself asks of a function with state.
Status CheckPartitionCounts(const FunctionSpec& spec, const GroupSurvey& group) {
  std::map<std::string, int> counts;
  for (const InputPartition& input : group.partitions) ++counts[input.at.topic];
  for (const auto& [topic, count] : counts) {
    if (count == counts.begin()->second) continue;
    return Fatal("function " + spec.name +
                 " has state, but its input topics differ in partitions: " + counts.begin()->first +
                 " has " + std::to_string(counts.begin()->second) + ", " + topic + " has " +
                 std::to_string(count) + ": no host would run it");
  }
  return {};
}

Status CheckRetained(const FunctionSpec& spec, const GroupSurvey& group) {
  if (spec.policies.on_retention_loss == OnRetentionLoss::kSkip) return {};
  for (const InputPartition& input : group.partitions) {
    if (input.earliest == 0) continue;
    return Fatal("the input " + At(input) + " begins at offset " + std::to_string(input.earliest) +
                 ", earlier records are not retained any more: the state of function " + spec.name +
                 " cannot be made again from it; set on_retention_loss: skip to make it from what "
                 "there is");
  }
  return {};
}

Status CheckTask(const FunctionSpec& spec, const redis::StoredProgress& stored, int32_t partition,
                 size_t tasks) {
  const std::string what = "the state of function " + spec.name + ", partition " +
                           std::to_string(partition) + ", is kept ";
  if (!stored.group.empty() && stored.group != spec.group) {
    return Fatal(what + "for group " + stored.group + ", the function's group is " + spec.group +
                 ": set group: " + stored.group);
  }
  if (!stored.partitions.empty() && stored.partitions != std::to_string(tasks)) {
    return Fatal(what + "with " + stored.partitions + " partitions, the input topics have " +
                 std::to_string(tasks) +
                 " now: earlier events of a key are in another partition than later ones, and its "
                 "state cannot be made again");
  }
  return {};
}

Status CheckOffset(const FunctionSpec& spec, const InputPartition& input, int64_t applied,
                   uint64_t published_seq) {
  const auto note = commit::NoteOf(input.metadata);
  const std::string found =
      "group " + spec.group + " has " +
      (input.committed
           ? "offset " + std::to_string(*input.committed) + (note ? "" : " (set by hand)")
           : std::string("no offset")) +
      " of " + At(input) + ", while the state has applied " + std::to_string(applied);
  const std::string way_out =
      ": it is not known whose outputs are written; set the group's offset to " +
      std::to_string(applied) + " if all below are";
  const bool moved = !input.committed || (!note && *input.committed != applied);
  if (moved && applied > input.earliest) return Fatal(found + way_out);
  const bool old = note && note->seq < published_seq;
  if (!old || spec.delivery != Delivery::kExactlyOnce) return {};
  return Fatal(found + "; the offset tells of seq " + std::to_string(note->seq) + ", while seq " +
               std::to_string(published_seq) + " was published" + way_out);
}

}  // namespace

Status CheckInputs(const FunctionSpec& spec, const GroupSurvey& group) {
  if (const Status alone = CheckAlone(spec, group); !alone) return alone;
  if (const Status equal = CheckPartitionCounts(spec, group); !equal) return equal;
  return CheckRetained(spec, group);
}

Status CheckOffsets(const FunctionSpec& spec, const GroupSurvey& group,
                    const redis::KeySurvey& keys) {
  const bool any_committed =
      std::any_of(group.partitions.begin(), group.partitions.end(),
                  [](const InputPartition& input) { return input.committed.has_value(); });
  if (keys.keys == 0 && !any_committed) {
    return Fatal("function " + spec.name + " has no state, and group " + spec.group +
                 " has no offsets: it has not run yet, there is nothing to make again; start it");
  }
  const size_t tasks = TaskCount(group.partitions);
  for (const auto& [partition, stored] : keys.tasks) {
    if (const Status same = CheckTask(spec, stored, partition, tasks); !same) return same;
  }
  for (const InputPartition& input : group.partitions) {
    const auto stored = keys.tasks.find(input.at.partition);
    if (stored == keys.tasks.end()) continue;
    const auto applied = OffsetOf(stored->second.applied, input.at.topic);
    if (!applied) continue;
    const Status right = CheckOffset(spec, input, *applied, stored->second.published_seq);
    if (!right) return right;
  }
  return {};
}

RebuildProgress MeasureRebuild(const std::vector<InputPartition>& inputs,
                               const std::vector<RunReport::Task>& tasks) {
  std::map<TopicPartition, int64_t> applied;
  for (const RunReport::Task& task : tasks) {
    for (const lane::TopicProgress& topic : task.status.topics) {
      applied[{topic.topic, task.status.partition}] = topic.applied;
    }
  }
  RebuildProgress progress{.partitions = inputs.size()};
  for (const InputPartition& input : inputs) {
    progress.total += input.end - input.earliest;
    const auto found = applied.find(input.at);
    if (found == applied.end()) continue;
    ++progress.begun;
    progress.done += std::clamp(found->second, input.earliest, input.end) - input.earliest;
  }
  return progress;
}

size_t TaskCount(const std::vector<InputPartition>& inputs) {
  std::set<int32_t> numbers;
  for (const InputPartition& input : inputs) numbers.insert(input.at.partition);
  return numbers.size();
}

}  // namespace millrace::app
