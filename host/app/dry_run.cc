// SPDX-License-Identifier: Apache-2.0
#include "app/dry_run.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <set>

#include "app/function_needs.h"
#include "lane/lane.h"

namespace millrace::app {
namespace {

constexpr Millis kConnectWait{2'000};

http::InvokeError Unfit(std::string detail) {
  return {http::InvokeErrorKind::kBadRequest, std::move(detail)};
}

// One event of one record, with no broker behind it.
class OneRecord final : public ingest::RecordBatch {
 public:
  std::span<const RecordView> records() const override { return {&record, 1}; }
  void ReadHeaders(size_t, std::vector<HeaderView>* to) const override { *to = headers; }

  RecordView record;
  std::vector<HeaderView> headers;
};

std::vector<http::EventHeader> Copy(std::span<const HeaderView> headers) {
  std::vector<http::EventHeader> copies;
  for (const HeaderView& header : headers) {
    copies.push_back({.name = std::string(header.name.view()), .value = header.value.Copy()});
  }
  return copies;
}

}  // namespace

struct DryRun::Prepared {
  OneRecord record;
  lane::TaskAssignment task;
  std::unique_ptr<state::Cache> cache;
  std::unique_ptr<state::TaskState> state;
  std::unique_ptr<lane::HandlerState> handler;
  lane::PreparedBatch batch;
  int32_t partition_count = 0;
  bool partition_given = false;
};

Result<std::unique_ptr<DryRun>> DryRun::Create(DryRunOptions options) {
  std::unique_ptr<DryRun> run(new DryRun);
  run->clock_ = options.clock;
  run->states_ = lane::StatesOf(*options.generation);
  run->settings_.function = options.spec.name;
  for (const Use& use : options.generation->uses) {
    if (use.kind != UseKind::kOutput) continue;
    run->output_names_.push_back(use.name);
    run->settings_.outputs.push_back(options.spec.outputs.at(use.name));
  }
  if (!run->states_.empty()) {
    auto store = options.stores({.io = &run->io_,
                                 .function = options.spec.name,
                                 .states = run->states_,
                                 .view = state::ReadView::kCommitted});
    if (!store) return store.error();
    run->store_ = *std::move(store);
  }
  auto invoker =
      invoke::Invoker::Start(std::move(options.generation), options.clock, options.in_flight);
  if (!invoker) return invoker.error();
  run->invoker_ = *std::move(invoker);
  run->spec_ = std::move(options.spec);
  run->partitions_ = std::move(options.partitions);
  run->ports_ = {.outputs = run.get(),
                 .reader = run->store_ ? run->store_->reader() : nullptr,
                 .observer = run.get(),
                 .counters = &run->counters_,
                 .clock = options.clock,
                 .new_epoch = {}};
  return run;
}

http::InvokeResult DryRun::Run(const http::InvokeEvent& event) {
  Prepared prepared;
  logs_.clear();
  if (auto unfit = Prepare(event, &prepared)) return *std::move(unfit);
  if (auto failed = Load(&prepared)) return *std::move(failed);
  const invoke::EventInput input{.topic = Slice(prepared.task.topics[0].topic),
                                 .partition = prepared.task.partition,
                                 .record = &prepared.record.record,
                                 .headers = prepared.record.headers};
  invoke::Verdict verdict;
  prepared.handler->Begin(&prepared.batch);
  invoker_->Call({&input, 1}, prepared.handler.get(), {&verdict, 1});
  http::InvokeResponse response;
  response.outcome = invoke::OutcomeName(verdict.outcome);
  response.reason = verdict.reason;
  response.duration_us =
      std::chrono::duration_cast<std::chrono::microseconds>(verdict.duration).count();
  response.partition = prepared.task.partition;
  response.logs = logs_;
  if (verdict.outcome == invoke::Outcome::kDone) Describe(&prepared, &response);
  prepared.handler->End();
  return response;
}

std::optional<http::InvokeError> DryRun::Prepare(const http::InvokeEvent& event,
                                                 Prepared* prepared) {
  const std::vector<std::string> topics = InputTopics(spec_);
  const std::string topic = event.topic.value_or(topics.front());
  if (std::find(topics.begin(), topics.end(), topic) == topics.end()) {
    return Unfit("'" + topic + "' is no input topic of the function; the first is " +
                 topics.front());
  }
  const std::optional<int32_t> count = partitions_(topic);
  if (!count) {  // a guess would show the state of another task, or none
    return http::InvokeError{http::InvokeErrorKind::kUnavailable,
                             "the broker has not told yet how many partitions topic " + topic +
                                 " has; /readyz says what is wrong if it stays so"};
  }
  prepared->partition_count = *count;
  prepared->partition_given = event.partition.has_value();
  if (event.partition.value_or(0) >= *count) {
    return Unfit("partition " + std::to_string(*event.partition) + " of " + topic + ": it has " +
                 std::to_string(prepared->partition_count));
  }
  prepared->task.partition = event.partition.value_or(0);
  prepared->task.topics.push_back({.topic = topic, .filter = std::nullopt});
  prepared->record.record = {.offset = -1,
                             .timestamp_ms = event.timestamp_ms.value_or(clock_->UnixMillis()),
                             .key = Borrow(event.key),
                             .value = Borrow(event.value)};
  for (const http::EventHeader& header : event.headers) {
    prepared->record.headers.push_back({Slice(header.name), Borrow(header.value)});
  }
  prepared->batch.input.events.push_back(
      {.record = &prepared->record.record, .batch = &prepared->record, .index = 0, .topic = 0});
  return std::nullopt;
}

// Where the key's state may be: as Java's clients place it, as kcat does, then anywhere.
std::vector<int32_t> DryRun::Candidates(const Slice& key, int32_t count) const {
  std::vector<int32_t> candidates;
  const auto add = [&](int32_t partition) {
    if (std::find(candidates.begin(), candidates.end(), partition) == candidates.end()) {
      candidates.push_back(partition);
    }
  };
  if (!key.is_null()) {
    boost::crc_32_type crc;
    crc.process_bytes(key.data(), key.size());
    add(effects::PartitionOfKey(key, count));
    add(static_cast<int32_t>(crc.checksum() % static_cast<uint32_t>(count)));
  }
  for (int32_t partition = 0; partition < count; ++partition) add(partition);
  return candidates;
}

bool DryRun::Connect() {
  const SteadyTime by = clock_->Now() + kConnectWait;
  io_.restart();
  io_.poll();
  while (store_->problem() && clock_->Now() < by) {
    io_.restart();
    io_.run_one_for(Millis(50));
  }
  return !store_->problem();
}

std::optional<http::InvokeError> DryRun::Load(Prepared* prepared) {
  const Slice key = prepared->record.record.key;
  std::vector<int32_t> candidates = Candidates(key, prepared->partition_count);
  if (prepared->partition_given) candidates = {prepared->task.partition};
  prepared->cache = std::make_unique<state::Cache>(lane::kEventEffectBytesMax);
  prepared->task.partition = candidates.front();
  bool found = false;
  for (size_t i = 0; i < candidates.size() && !found; ++i) {
    if (states_.empty()) break;
    if (i == 0 && !Connect()) {
      return http::InvokeError{http::InvokeErrorKind::kUnavailable,
                               "the state store did not answer: " + *store_->problem()};
    }
    auto state = std::make_unique<state::TaskState>(prepared->cache.get(), states_);
    state::ReadPlan plan;
    std::vector<state::Entry*> entries(states_.size(), nullptr);
    for (uint32_t s = 0; s < states_.size() && !key.is_null(); ++s) {
      entries[s] = state->Pin(s, key, &plan);
    }
    if (!plan.items.empty()) {
      const state::ReadReply reply = store_->reader()->ReadNow(candidates[i], plan.items);
      if (!reply.status) {
        return http::InvokeError{http::InvokeErrorKind::kUnavailable,
                                 "the state store did not answer: " + reply.status.error().message};
      }
      state->Load(plan.entries, reply);
      found = std::any_of(reply.found.begin(), reply.found.end(), [](const state::Found& one) {
        return one.what != state::Found::What::kAbsent &&
               (one.what != state::Found::What::kMap || one.entry_count > 0);
      });
    }
    if (i > 0 && !found) continue;  // nothing anywhere: as Java's clients would place it
    prepared->task.partition = candidates[i];
    prepared->state = std::move(state);
    prepared->batch.entries = std::move(entries);
  }
  prepared->handler = std::make_unique<lane::HandlerState>(&settings_, &ports_, &prepared->task,
                                                           prepared->state.get(), nullptr);
  return std::nullopt;
}

void DryRun::Describe(Prepared* prepared, http::InvokeResponse* response) {
  effects::EmitBuffer& emits = prepared->handler->emits();
  for (const effects::Emitted& emitted : emits.all()) {
    response->emitted.push_back({.output = output_names_[emitted.output],
                                 .topic = settings_.outputs[emitted.output],
                                 .partition = emitted.partition,
                                 .key = emitted.key.Copy(),
                                 .value = emitted.value.Copy(),
                                 .headers = Copy(emits.headers(emitted)),
                                 .timestamp_ms = emitted.timestamp_ms});
  }
  if (!prepared->state) return;
  std::set<std::pair<const state::Entry*, std::string>> seen;  // the last write of a cell counts
  const auto& writes = prepared->state->call().all();
  for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
    if (!seen.insert({write->entry, std::string(write->field.view())}).second) continue;
    response->state.insert(response->state.begin(), Change(*write));
  }
}

http::StateChange DryRun::Change(const state::PendingWrite& write) const {
  const state::Entry& entry = *write.entry;
  http::StateChange change{.state = states_[entry.state].name,
                           .key = state::ViewOf(entry.key).Copy(),
                           .field = write.field.Copy(),
                           .before = std::nullopt,
                           .after = write.value.Copy()};
  if (entry.map) {
    const auto field = entry.map->fields.find(write.field.view());
    if (field != entry.map->fields.end()) change.before = field->second.value;
  } else if (entry.present) {
    change.before = state::ViewOf(entry.value).Copy();
  }
  return change;
}

void DryRun::HandlerLogged(uint32_t level, std::string_view text, const std::string&) {
  static constexpr const char* kLevels[] = {"debug", "info", "warning", "error"};
  constexpr size_t kLogsMax = 100;
  if (logs_.size() < kLogsMax) logs_.push_back({kLevels[std::min(level, 3u)], std::string(text)});
}

std::optional<int32_t> DryRun::PartitionCount(uint32_t output) {
  return partitions_(settings_.outputs[output]);
}

Status DryRun::Produce(const effects::OutputRecord&, effects::OutputTicket*) {
  return Fatal("an invocation over HTTP writes nothing");
}

}  // namespace millrace::app
