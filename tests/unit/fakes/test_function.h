// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "invoke/host_table.h"
#include "model/handler.h"

namespace millrace::fakes {

// One event of a running handler, with the host's calls in the types of this side.
class HandlerEvent {
 public:
  HandlerEvent(mr_context* context, const mr_event* event) : context_(context), event_(event) {}

  const mr_event& raw() const { return *event_; }
  Slice key() const { return invoke::FromAbi(event_->key); }
  Slice value() const { return invoke::FromAbi(event_->value); }
  int64_t offset() const { return event_->offset; }
  std::string topic() const { return std::string(invoke::FromAbi(event_->source).view()); }

  // `status` keeps what the last host call gave.
  int32_t status = MR_OK;

  // A null slice: absent, or the call failed (see status).
  Slice Get(uint32_t state, Slice key = {}, Slice field = {}) {
    mr_slice out{};
    status = host().get(context_, state, invoke::ToAbi(key), invoke::ToAbi(field), &out);
    return status == MR_OK ? invoke::FromAbi(out) : Slice();
  }
  int32_t Put(uint32_t state, Slice value, Slice key = {}, Slice field = {}) {
    return status = host().put(context_, state, invoke::ToAbi(key), invoke::ToAbi(field),
                               invoke::ToAbi(value));
  }
  std::vector<std::pair<std::string, std::string>> Scan(uint32_t state, size_t max = 100,
                                                        Slice after = {}, Slice key = {}) {
    std::vector<mr_entry> entries(max);
    uint64_t count = 0;
    status = host().scan(context_, state, invoke::ToAbi(key), invoke::ToAbi(after), entries.data(),
                         max, &count);
    std::vector<std::pair<std::string, std::string>> found;
    for (size_t i = 0; i < count; ++i) {
      found.emplace_back(invoke::FromAbi(entries[i].field).view(),
                         invoke::FromAbi(entries[i].value).view());
    }
    return found;
  }
  int32_t Emit(uint32_t output, Slice key, Slice value, int32_t partition = -1) {
    mr_record record{};
    record.key = invoke::ToAbi(key);
    record.value = invoke::ToAbi(value);
    record.timestamp_ms = -1;
    record.partition = partition;
    return status = host().emit(context_, output, &record);
  }
  uint64_t Random() { return host().random(context_); }
  void Because(Slice reason) { host().because(context_, invoke::ToAbi(reason)); }
  void Log(uint32_t level, Slice text) { host().log(context_, level, invoke::ToAbi(text)); }

 private:
  static const mr_host& host() {
    static const mr_host table = invoke::HandlerTable();
    return table;
  }

  mr_context* context_;
  const mr_event* event_;
};

// A function library without a library: an mr_function table whose handler is a lambda. What the
// handler refers to must outlive its calls; stop() may come after the TestFunction is gone.
class TestFunction {
 public:
  using Handler = std::function<int32_t(HandlerEvent&)>;
  using BatchHandler = std::function<void(std::span<HandlerEvent>, std::span<int32_t>)>;

  TestFunction(std::vector<Use> uses, Handler handler) : body_(std::make_shared<Body>()) {
    body_->uses = std::move(uses);
    body_->handler = std::move(handler);
  }
  TestFunction(std::vector<Use> uses, BatchHandler handler) : body_(std::make_shared<Body>()) {
    body_->uses = std::move(uses);
    body_->batch_handler = std::move(handler);
    body_->table.handle_batch = HandleBatch;
  }

  std::string hash12 = "0123456789ab";  // of generations that are made from now on

  void RefuseStart(std::string reason) { body_->refuses_start = std::move(reason); }
  int started() const { return body_->started; }
  int stopped() const { return body_->stopped; }
  int calls() const { return body_->calls; }

  std::shared_ptr<const Generation> generation() {
    auto generation = std::make_shared<Generation>();
    generation->function = "test";
    generation->hash12 = hash12;
    generation->number = 1;
    generation->table = &body_->table;
    generation->uses = body_->uses;
    generation->keep_alive = body_;
    generation->start = [body = body_.get()]() -> Result<void*> {
      if (body->refuses_start) return Fatal(*body->refuses_start);
      ++body->started;
      return static_cast<void*>(body);
    };
    return generation;
  }

 private:
  struct Body {
    Body() {
      table.size = sizeof table;
      table.major = MR_ABI_MAJOR;
      table.handle = Handle;
      table.stop = [](void* instance) { ++static_cast<Body*>(instance)->stopped; };
    }
    std::vector<Use> uses;
    Handler handler;
    BatchHandler batch_handler;
    std::optional<std::string> refuses_start;
    int started = 0;
    int stopped = 0;
    int calls = 0;
    mr_function table{};
  };

  static int32_t Handle(void* instance, mr_context* context, const mr_event* event) {
    auto* body = static_cast<Body*>(instance);
    ++body->calls;
    HandlerEvent one(context, event);
    return body->handler(one);
  }
  static void HandleBatch(void* instance, uint64_t count, mr_context* const* contexts,
                          const mr_event* const* events, int32_t* outcomes) {
    auto* body = static_cast<Body*>(instance);
    ++body->calls;
    std::vector<HandlerEvent> all;
    all.reserve(count);
    for (uint64_t i = 0; i < count; ++i) all.emplace_back(contexts[i], events[i]);
    body->batch_handler(all, std::span(outcomes, count));
  }

  std::shared_ptr<Body> body_;
};

}  // namespace millrace::fakes
