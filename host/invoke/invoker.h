// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "invoke/handler_calls.h"
#include "invoke/in_flight.h"
#include "invoke/verdict.h"
#include "model/handler.h"
#include "model/record.h"

namespace millrace::invoke {

// One event of a call. Borrowed for the call.
struct EventInput {
  Slice topic;
  uint32_t topic_index = 0;  // for InFlight
  int32_t partition = -1;    // -1: none
  uint32_t attempt = 1;
  const RecordView* record = nullptr;
  std::span<const HeaderView> headers;
};

// One instance of a function's handler, and the only place that calls into the library. Started and
// stopped on the thread that uses it, never re-entered. The Generation outlives it.
class Invoker {
 public:
  // kFatal: the library refused to start; the message is its text.
  // The clock measures durations; it and `in_flight`, which may be null, outlive the invoker.
  static Result<std::unique_ptr<Invoker>> Start(std::shared_ptr<const Generation> generation,
                                                const Clock* clock, InFlight* in_flight = nullptr);
  ~Invoker();
  Invoker(const Invoker&) = delete;
  Invoker& operator=(const Invoker&) = delete;

  bool takes_batches() const;
  const Generation& generation() const { return *generation_; }

  // Runs the handler for the events, in order, and says what became of each: one call per event
  // until the first that is not done, or one for all where the library takes batches. Returns how
  // many verdicts are meaningful (all of them for a batch). A host call that failed overrides the
  // outcome that the handler returned.
  size_t Call(std::span<const EventInput> events, HandlerCalls* calls, std::span<Verdict> verdicts);

 private:
  struct Context;
  Invoker(std::shared_ptr<const Generation> generation, const Clock* clock, InFlight* in_flight);
  void BeginLife();
  void Begin(const EventInput& event, size_t together, SteadyTime now);
  void Prepare(std::span<const EventInput> events, HandlerCalls* calls);
  size_t CallEach(std::span<const EventInput> events, HandlerCalls* calls,
                  std::span<Verdict> verdicts);
  size_t CallBatch(std::span<const EventInput> events, std::span<Verdict> verdicts);
  void TellMisuse(HandlerCalls* calls);
  void Settle(Context& context, int32_t outcome, Verdict* verdict);

  std::shared_ptr<const Generation> generation_;
  const Clock* clock_;
  InFlight* in_flight_;  // may be null
  void* instance_ = nullptr;
  bool started_ = false;
  std::atomic<bool> misused_{false};  // a context was, by whatever thread
  bool misuse_told_ = false;
  std::vector<Context> contexts_;
  std::vector<std::vector<Context>> former_contexts_;  // smaller ones
  std::vector<mr_event> events_;
  std::vector<mr_header> headers_;
  std::vector<mr_context*> context_pointers_;
  std::vector<const mr_event*> event_pointers_;
  std::vector<int32_t> outcomes_;
};

}  // namespace millrace::invoke
