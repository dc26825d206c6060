// SPDX-License-Identifier: Apache-2.0
#include "invoke/invoker.h"

#include <millrace/abi.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "invoke/host_table.h"

namespace millrace::invoke {
namespace {

// What the event's outcome is when a host call failed, whatever the handler returned (abi.h names
// the outcome beside each status).
Outcome OutcomeOfFailedCall(int32_t status) {
  switch (status) {
    case MR_UNAVAILABLE:
      return Outcome::kRetry;
    case MR_NO_KEY:
    case MR_TOO_LARGE:
    case MR_BAD_ARGUMENT:
      return Outcome::kDeadLetter;
    default:
      return Outcome::kFatal;
  }
}

}  // namespace

struct Invoker::Context : mr_context {};

namespace {

constexpr uint32_t kError = 3;            // of mr_host's log
constexpr size_t kThrownBytesMax = 4096;  // as of a reason that a handler gives

// Nothing may be thrown over the line. A library that does so all the same fails its event and not
// the host: what it has thrown, or nothing.
template <class Body>
std::optional<std::string> Fence(Body body) {
  try {
    body();
    return std::nullopt;
  } catch (const std::exception& error) {
    return "threw " + std::string(error.what()).substr(0, kThrownBytesMax);
  } catch (...) {
    return "threw something that is not a std::exception";
  }
}

}  // namespace

Invoker::Invoker(std::shared_ptr<const Generation> generation, const Clock* clock,
                 InFlight* in_flight)
    : generation_(std::move(generation)), clock_(clock), in_flight_(in_flight) {}

Result<std::unique_ptr<Invoker>> Invoker::Start(std::shared_ptr<const Generation> generation,
                                                const Clock* clock, InFlight* in_flight) {
  std::unique_ptr<Invoker> invoker(new Invoker(std::move(generation), clock, in_flight));
  invoker->BeginLife();
  Result<void*> instance = invoker->generation_->start();
  if (in_flight) in_flight->End();
  if (!instance) return instance.error();
  invoker->instance_ = *instance;
  invoker->started_ = true;
  if (in_flight) in_flight->SetLibrary(LibraryNumber(invoker->generation_->hash12));
  return invoker;
}

Invoker::~Invoker() {
  if (!started_) return;
  BeginLife();
  // What it throws can change nothing any more.
  static_cast<void>(Fence([&] { generation_->table->stop(instance_); }));
  if (in_flight_) in_flight_->End();
}

bool Invoker::takes_batches() const {
  const mr_function* table = generation_->table;
  return table->size >= offsetof(mr_function, handle_batch) + sizeof(table->handle_batch) &&
         table->handle_batch != nullptr;
}

void Invoker::Prepare(std::span<const EventInput> events, HandlerCalls* calls) {
  if (events.size() > contexts_.capacity()) {
    // A library that keeps a context longer than its call finds one that is over, not freed memory.
    former_contexts_.push_back(std::exchange(contexts_, {}));
    contexts_.reserve(2 * events.size());
  }
  contexts_.resize(events.size());
  events_.resize(events.size());
  headers_.clear();
  size_t header_count = 0;
  for (const EventInput& event : events) header_count += event.headers.size();
  headers_.reserve(header_count);
  for (size_t i = 0; i < events.size(); ++i) {
    const EventInput& input = events[i];
    Context& context = contexts_[i];
    context.calls = takes_batches() ? calls : nullptr;  // else from its turn on
    context.generation = generation_.get();
    context.event = static_cast<uint32_t>(i);
    context.given = &events_[i];
    context.random.reset();
    context.failed = MR_OK;
    context.reason.clear();
    context.misused = &misused_;
    const mr_header* first = headers_.data() + headers_.size();
    for (const HeaderView& header : input.headers) {
      headers_.push_back({ToAbi(header.name), ToAbi(header.value)});
    }
    events_[i] = {.size = sizeof(mr_event),
                  .kind = MR_RECORD,
                  .source = ToAbi(input.topic),
                  .partition = input.partition,
                  .attempt = input.attempt,
                  .offset = input.record->offset,
                  .timestamp_ms = input.record->timestamp_ms,
                  .key = ToAbi(input.record->key),
                  .value = ToAbi(input.record->value),
                  .headers = input.headers.empty() ? nullptr : first,
                  .header_count = input.headers.size()};
  }
}

void Invoker::Settle(Context& context, int32_t outcome, Verdict* verdict) {
  verdict->reason.clear();
  if (context.failed != MR_OK) {
    verdict->outcome = OutcomeOfFailedCall(context.failed);
    verdict->reason = context.reason.empty() ? StatusText(context.failed) : context.reason;
    return;
  }
  switch (outcome) {
    case MR_DONE:
      verdict->outcome = Outcome::kDone;
      return;
    case MR_RETRY:
      verdict->outcome = Outcome::kRetry;
      break;
    case MR_DROP:
      verdict->outcome = Outcome::kDrop;
      break;
    case MR_DEAD_LETTER:
      verdict->outcome = Outcome::kDeadLetter;
      break;
    case MR_FATAL:
      verdict->outcome = Outcome::kFatal;
      break;
    default:
      verdict->outcome = Outcome::kFatal;
      verdict->reason = "unknown outcome " + std::to_string(outcome);
      return;
  }
  verdict->reason = context.reason.empty() ? "the handler gave no reason" : context.reason;
}

// Once: a library that does it does it for every event.
void Invoker::TellMisuse(HandlerCalls* calls) {
  if (misuse_told_ || !misused_.load(std::memory_order_relaxed)) return;
  misuse_told_ = true;
  calls->Log(0, kError,
             Slice("the library used a context of another event, or one whose call was over; what "
                   "it asked for was refused (the context of an event is valid until the handler "
                   "returns)"));
}

// Its start or its stop, which is about no event.
void Invoker::BeginLife() {
  if (in_flight_) in_flight_->Begin({.since = clock_->Now(), .partition = -1});
}

void Invoker::Begin(const EventInput& event, size_t together, SteadyTime now) {
  if (!in_flight_) return;
  in_flight_->Begin({.since = now,
                     .topic = event.topic_index,
                     .partition = event.partition,
                     .offset = event.record->offset,
                     .together = static_cast<uint32_t>(together)});
}

size_t Invoker::CallEach(std::span<const EventInput> events, HandlerCalls* calls,
                         std::span<Verdict> verdicts) {
  SteadyTime before = clock_->Now();
  for (size_t i = 0; i < events.size(); ++i) {
    int32_t outcome = MR_RETRY;
    contexts_[i].calls = calls;
    Begin(events[i], 1, before);
    auto thrown =
        Fence([&] { outcome = generation_->table->handle(instance_, &contexts_[i], &events_[i]); });
    if (thrown) contexts_[i].reason = *std::move(thrown);
    const SteadyTime after = clock_->Now();
    verdicts[i].duration = after - before;
    before = after;
    contexts_[i].calls = nullptr;
    Settle(contexts_[i], outcome, &verdicts[i]);
    if (verdicts[i].outcome != Outcome::kDone) return i + 1;
  }
  return events.size();
}

size_t Invoker::CallBatch(std::span<const EventInput> events, std::span<Verdict> verdicts) {
  const SteadyTime before = clock_->Now();
  if (!events.empty()) Begin(events[0], events.size(), before);
  context_pointers_.clear();
  event_pointers_.clear();
  for (size_t i = 0; i < events.size(); ++i) {
    context_pointers_.push_back(&contexts_[i]);
    event_pointers_.push_back(&events_[i]);
  }
  outcomes_.assign(events.size(), -1);  // an outcome that is not set is unknown
  const auto thrown = Fence([&] {
    generation_->table->handle_batch(instance_, events.size(), context_pointers_.data(),
                                     event_pointers_.data(), outcomes_.data());
  });
  if (thrown) {
    for (Context& context : contexts_) context.reason = *thrown;
    std::fill(outcomes_.begin(), outcomes_.end(), MR_RETRY);
  }
  const auto each = (clock_->Now() - before) / std::max<size_t>(1, events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    verdicts[i].duration = each;
    contexts_[i].calls = nullptr;
    Settle(contexts_[i], outcomes_[i], &verdicts[i]);
  }
  return events.size();
}

size_t Invoker::Call(std::span<const EventInput> events, HandlerCalls* calls,
                     std::span<Verdict> verdicts) {
  Prepare(events, calls);
  const size_t told =
      takes_batches() ? CallBatch(events, verdicts) : CallEach(events, calls, verdicts);
  if (in_flight_) in_flight_->End();
  if (!events.empty()) TellMisuse(calls);
  return told;
}

}  // namespace millrace::invoke
