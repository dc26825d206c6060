// SPDX-License-Identifier: Apache-2.0
#include "invoke/invoker.h"

#include <millrace/abi.h>

#include <algorithm>
#include <cstddef>

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

Invoker::Invoker(std::shared_ptr<const Generation> generation, const Clock* clock)
    : generation_(std::move(generation)), clock_(clock) {}

Result<std::unique_ptr<Invoker>> Invoker::Start(std::shared_ptr<const Generation> generation,
                                                const Clock* clock) {
  std::unique_ptr<Invoker> invoker(new Invoker(std::move(generation), clock));
  Result<void*> instance = invoker->generation_->start();
  if (!instance) return instance.error();
  invoker->instance_ = *instance;
  invoker->started_ = true;
  return invoker;
}

Invoker::~Invoker() {
  if (started_) generation_->table->stop(instance_);
}

bool Invoker::takes_batches() const {
  const mr_function* table = generation_->table;
  return table->size >= offsetof(mr_function, handle_batch) + sizeof(table->handle_batch) &&
         table->handle_batch != nullptr;
}

void Invoker::Prepare(std::span<const EventInput> events, HandlerCalls* calls) {
  contexts_.resize(events.size());
  events_.resize(events.size());
  headers_.clear();
  size_t header_count = 0;
  for (const EventInput& event : events) header_count += event.headers.size();
  headers_.reserve(header_count);
  for (size_t i = 0; i < events.size(); ++i) {
    const EventInput& input = events[i];
    Context& context = contexts_[i];
    context.calls = calls;
    context.generation = generation_.get();
    context.event = static_cast<uint32_t>(i);
    context.given = &events_[i];
    context.random.reset();
    context.failed = MR_OK;
    context.reason.clear();
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

size_t Invoker::Call(std::span<const EventInput> events, HandlerCalls* calls,
                     std::span<Verdict> verdicts) {
  Prepare(events, calls);
  const mr_function* table = generation_->table;
  SteadyTime before = clock_->Now();
  if (!takes_batches()) {
    for (size_t i = 0; i < events.size(); ++i) {
      const int32_t outcome = table->handle(instance_, &contexts_[i], &events_[i]);
      const SteadyTime after = clock_->Now();
      verdicts[i].duration = after - before;
      before = after;
      Settle(contexts_[i], outcome, &verdicts[i]);
      if (verdicts[i].outcome != Outcome::kDone) return i + 1;
    }
    return events.size();
  }
  context_pointers_.clear();
  event_pointers_.clear();
  for (size_t i = 0; i < events.size(); ++i) {
    context_pointers_.push_back(&contexts_[i]);
    event_pointers_.push_back(&events_[i]);
  }
  outcomes_.assign(events.size(), -1);  // an outcome that is not set is unknown
  table->handle_batch(instance_, events.size(), context_pointers_.data(), event_pointers_.data(),
                      outcomes_.data());
  const auto each = (clock_->Now() - before) / std::max<size_t>(1, events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    verdicts[i].duration = each;
    Settle(contexts_[i], outcomes_[i], &verdicts[i]);
  }
  return events.size();
}

}  // namespace millrace::invoke
