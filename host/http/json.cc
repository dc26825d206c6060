// SPDX-License-Identifier: Apache-2.0
#include "http/json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "http/bytes.h"

namespace millrace::http {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

value Text(std::string_view text) { return value(ToUtf8(text)); }

value TextOrNull(std::string_view text) { return text.empty() ? value(nullptr) : Text(text); }

template <class Number>
value OrNull(const std::optional<Number>& number) {
  return number ? value(*number) : value(nullptr);
}

void PutBytes(object& into, std::string_view name, const OwnedBytes& bytes) {
  if (!bytes) {
    into[name] = nullptr;
  } else if (IsUtf8(*bytes)) {
    into[name] = *bytes;
  } else {
    into[std::string(name) + "_base64"] = EncodeBase64(*bytes);
  }
}

template <class Item, class Convert>
array List(const std::vector<Item>& items, Convert convert) {
  array list;
  list.reserve(items.size());
  for (const Item& item : items) list.push_back(convert(item));
  return list;
}

object Header(const EventHeader& header) {
  object json{{"name", Text(header.name)}};
  PutBytes(json, "value", header.value);
  return json;
}

object Emitted(const EmittedRecord& record) {
  object json{{"output", Text(record.output)},
              {"topic", Text(record.topic)},
              {"partition", record.partition}};
  PutBytes(json, "key", record.key);
  PutBytes(json, "value", record.value);
  json["headers"] = List(record.headers, Header);
  json["timestamp"] = record.timestamp_ms;
  return json;
}

object Change(const StateChange& change) {
  object json{{"state", Text(change.state)}};
  PutBytes(json, "key", change.key);
  PutBytes(json, "field", change.field);
  PutBytes(json, "before", change.before);
  PutBytes(json, "after", change.after);
  return json;
}

object LogLine(const InvokeLog& log) {
  return {{"level", Text(log.level)}, {"text", Text(log.text)}};
}

object Progress(const TopicProgress& progress) {
  return {{"topic", Text(progress.topic)},
          {"applied", OrNull(progress.applied)},
          {"lag", OrNull(progress.lag)}};
}

value Recovery(const std::optional<RecoveryStatus>& recovery) {
  if (!recovery) return nullptr;
  return object{{"kind", observe::Name(recovery->kind)},
                {"text", Text(recovery->text)},
                {"events_rerun", recovery->events_rerun},
                {"outputs_suppressed", recovery->outputs_suppressed},
                {"offsets_skipped", recovery->offsets_skipped}};
}

object Aside(const AsideRecord& record) {
  return {{"kind", Text(record.kind)}, {"topic", Text(record.topic)}, {"offset", record.offset}};
}

object Task(const TaskStatus& task) {
  return {{"partition", task.partition},
          {"lane", task.lane},
          {"state", Name(task.state)},
          {"reason", TextOrNull(task.reason)},
          {"topics", List(task.topics, Progress)},
          {"epoch", TextOrNull(task.epoch)},
          {"recovery", Recovery(task.recovery)},
          {"aside", List(task.aside, Aside)},
          {"aside_count", task.aside_count}};
}

object Retry(const RetryStatus& retry) {
  return {{"topic", Text(retry.topic)},
          {"partition", retry.partition},
          {"offset", retry.offset},
          {"attempts", retry.attempts},
          {"next_try_in_ms", retry.next_try_in_ms},
          {"reason", TextOrNull(retry.reason)}};
}

// An object with a member per word of Label.
template <class Label, size_t N>
object ByWord(const std::array<uint64_t, N>& counts) {
  object json;
  for (size_t i = 0; i < N; ++i) json[observe::Name(static_cast<Label>(i))] = counts[i];
  return json;
}

object Counters(const observe::FunctionTotals& totals) {
  return {{"records_ingested", totals.records_ingested},
          {"records_filtered", totals.records_filtered},
          {"invocations", ByWord<observe::OutcomeLabel>(totals.invocations)},
          {"dropped", totals.invocations_of(observe::OutcomeLabel::kDrop)},
          {"outputs", totals.outputs},
          {"commits", ByWord<observe::CommitLabel>(totals.commits)},
          {"commit_effects", totals.commit_effects},
          {"transactions", ByWord<observe::TransactionLabel>(totals.transactions)},
          {"recoveries", ByWord<observe::RecoveryLabel>(totals.recoveries)},
          {"events_rerun", totals.events_rerun},
          {"outputs_suppressed", totals.outputs_suppressed},
          {"offsets_skipped", totals.offsets_skipped},
          {"repeats_dropped", totals.repeats_dropped},
          {"records_put_aside", totals.records_put_aside},
          {"state_cache_hits", totals.state_cache_hits},
          {"state_cache_misses", totals.state_cache_misses},
          {"state_ondemand_reads", totals.state_ondemand_reads},
          {"state_cache_bytes", totals.state_cache_bytes},
          {"output_queue_bytes", totals.output_queue_bytes}};
}

value Generation(const std::optional<GenerationStatus>& generation) {
  if (!generation) return nullptr;
  return object{{"number", generation->number}, {"hash", Text(generation->hash)}};
}

object History(const GenerationHistory& generation) {
  return {{"number", OrNull(generation.number)},
          {"hash", TextOrNull(generation.hash)},
          {"state", Text(generation.state)},
          {"reason", TextOrNull(generation.reason)},
          {"since", generation.since_ms}};
}

object Function(const FunctionStatus& function) {
  return {{"name", Text(function.name)},
          {"state", Name(function.state)},
          {"reason", TextOrNull(function.reason)},
          {"library", Text(function.library)},
          {"generation", Generation(function.generation)},
          {"generations", List(function.generations, History)},
          {"group", Text(function.group)},
          {"delivery", Name(function.delivery)},
          {"topics", List(function.topics, Text)},
          {"lanes", function.lanes},
          {"isolation", Name(function.isolation)},
          {"pid", OrNull(function.pid)},
          {"restarts", function.restarts},
          {"tasks", List(function.tasks, Task)},
          {"retries", List(function.retries, Retry)},
          {"counters", Counters(function.totals)}};
}

}  // namespace

const char* Name(FunctionState state) {
  switch (state) {
    case FunctionState::kStarting:
      return "starting";
    case FunctionState::kRunning:
      return "running";
    case FunctionState::kStopping:
      return "stopping";
    case FunctionState::kStopped:
      return "stopped";
    case FunctionState::kRefused:
      return "refused";
  }
  return "unknown";
}

const char* Name(TaskState state) {
  switch (state) {
    case TaskState::kAcquiring:
      return "acquiring";
    case TaskState::kRunning:
      return "running";
    case TaskState::kWaiting:
      return "waiting";
    case TaskState::kRetrying:
      return "retrying";
    case TaskState::kStopped:
      return "stopped";
  }
  return "unknown";
}

std::string ToJson(const FunctionStatus& function) {
  return boost::json::serialize(Function(function));
}

std::string ToJson(const RollbackResponse& response) {
  return boost::json::serialize(
      object{{"from", OrNull(response.from)}, {"to", Generation(response.to)}});
}

std::string ToJson(const std::vector<FunctionStatus>& functions) {
  return boost::json::serialize(object{{"functions", List(functions, Function)}});
}

std::string ToJson(const InvokeResponse& response) {
  return boost::json::serialize(object{{"outcome", Text(response.outcome)},
                                       {"reason", TextOrNull(response.reason)},
                                       {"duration_us", response.duration_us},
                                       {"partition", response.partition},
                                       {"emitted", List(response.emitted, Emitted)},
                                       {"state", List(response.state, Change)},
                                       {"logs", List(response.logs, LogLine)}});
}

std::string ToJson(const Liveness& liveness) {
  return boost::json::serialize(object{{"live", liveness.state == Liveness::State::kAlive},
                                       {"reason", TextOrNull(liveness.reason)}});
}

std::string ToJson(const Readiness& readiness) {
  return boost::json::serialize(
      object{{"ready", readiness.reasons.empty()}, {"reasons", List(readiness.reasons, Text)}});
}

std::string ToJson(const VersionInfo& version) {
  object libraries;
  for (const auto& [name, number] : version.libraries) libraries[name] = Text(number);
  return boost::json::serialize(object{{"version", Text(version.version)},
                                       {"abi", Text(version.abi)},
                                       {"libraries", std::move(libraries)}});
}

std::string ErrorJson(std::string_view error, std::string_view detail) {
  return boost::json::serialize(object{{"error", Text(error)}, {"detail", Text(detail)}});
}

}  // namespace millrace::http
