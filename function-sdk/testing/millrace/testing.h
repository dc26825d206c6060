// SPDX-License-Identifier: Apache-2.0
#pragma once

// Runs a function against fake state: no broker, no host, and no test framework of its own.
//
//   millrace::testing::Harness totals(millrace_function());
//   auto result = totals.Send("alice", "5");
//   assert(result.outcome == MR_DONE && result.emitted.at(0).value == "1 5");
#include <millrace/abi.h>
#include <millrace/function.h>
#include <millrace/testing/fake_host.h>
#include <millrace/testing/fake_state.h>
#include <millrace/testing/library.h>
#include <millrace/testing/record.h>
#include <millrace/testing/table_check.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace::testing {

// The table of a handler without MILLRACE_FUNCTION, for several handlers in one test program:
//   TableOf<Handler, [] { return Declare(total, totals); }>()
using detail::Declare;
using detail::TableOf;

// One function, one lane, one task. Single-threaded. Takes the table of a C or C++ library; the
// table must outlive it.
class Harness {
 public:
  explicit Harness(const mr_function* table, HostOptions options = {})
      : table_(table), refused_(RefusalOf(table)) {
    if (!refused_.empty()) return;
    host_.emplace(table, std::move(options));
    if (table_->open(FakeHost::table(), host_->setup(), &library_) != MR_OK) {
      Refuse("open failed without a reason");
      return;
    }
    opened_ = true;
    if (table_->start(library_, host_->setup(), &instance_) != MR_OK) {
      Refuse("start failed without a reason");
      return;
    }
    started_ = true;
  }
  ~Harness() {
    if (started_) table_->stop(instance_);
    if (opened_) table_->close(library_);
  }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  // Why a host would not run the function; empty if it would. Send only if it is.
  const std::string& refused() const { return refused_; }

  Result Send(Text key, Text value) { return Send(Record{std::move(key), std::move(value)}); }
  Result Send(Record record) { return SendBatch({std::move(record)}).front(); }

  // One result per record. As a host does, keeps the effects before the first failure of a function
  // with state, settles that event and gives the rest again. An event that is retried is not: send
  // it again with another `attempt`.
  std::vector<Result> SendBatch(const std::vector<Record>& records) {
    std::vector<mr_event> events;
    std::vector<std::vector<mr_header>> headers;
    for (const Record& record : records) {
      headers.push_back(BorrowHeaders(record.headers));
      events.push_back(EventOf(record, headers.back()));
    }
    std::vector<Result> results;
    while (results.size() < events.size()) Invoke(events, &results);
    return results;
  }

  // What is stored, by the state's name. A map's entry is named by its field.
  Text Stored(const std::string& state, const std::string& key, const Text& field = {}) const {
    for (const auto& [id, use] : host_->uses()) {
      if (use.kind == MR_OUTPUT || Copy(use.name) != state) continue;
      const auto found = host_->state().committed().find({id, key, field});
      if (found != host_->state().committed().end()) return *found->second;
    }
    return std::nullopt;
  }
  template <class T>
  std::optional<T> Stored(const Value<T>& state, const std::string& key) const {
    static_assert(!std::is_same_v<T, std::string_view>,
                  "a view of a copy: ask by the state's name");
    const Text bytes = Stored(std::string(state.name), key);
    return bytes ? std::optional<T>(Codec<T>::Decode(*bytes)) : std::nullopt;
  }
  size_t stored_count() const { return host_->state().committed().size(); }

  // From now on the state store is away, or back.
  void LoseStore() { host_->set_store_away(MR_UNAVAILABLE); }
  void RestoreStore() { host_->set_store_away(MR_OK); }

 private:
  void Refuse(const char* otherwise) {
    refused_ = host_->refused().empty() ? otherwise : host_->refused();
  }

  static std::vector<mr_header> BorrowHeaders(const Headers& headers) {
    std::vector<mr_header> borrowed;
    for (const auto& [name, value] : headers) {
      borrowed.push_back({Borrow(std::string_view(name)), Borrow(value)});
    }
    return borrowed;
  }

  mr_event EventOf(const Record& record, const std::vector<mr_header>& headers) {
    const HostOptions& options = host_->options();
    if (record.time_ms >= 0) now_ms_ = record.time_ms;
    return {sizeof(mr_event),  MR_RECORD,          Borrow(std::string_view(options.topic)),
            options.partition, record.attempt,     next_offset_++,
            now_ms_,           Borrow(record.key), Borrow(record.value),
            headers.data(),    headers.size()};
  }

  bool HasState() const {
    for (const auto& [id, use] : host_->uses()) {
      if (use.kind != MR_OUTPUT) return true;
    }
    return false;
  }

  // Runs the events that have no result yet and appends the results that hold.
  void Invoke(const std::vector<mr_event>& events, std::vector<Result>* results) {
    std::deque<FakeHost::Call> calls;
    for (size_t at = results->size(); at < events.size(); ++at) {
      calls.push_back({&*host_, &events[at], calls.size()});
    }
    host_->state().BeginBatch(calls.size());
    for (const int32_t outcome : OutcomesOf(calls)) {
      FakeHost::Call& call = calls[results->size() - (events.size() - calls.size())];
      Settle(call, outcome);
      results->push_back(std::move(call.result));
      if (results->back().outcome != MR_DONE && HasState()) return;
    }
  }

  std::vector<int32_t> OutcomesOf(std::deque<FakeHost::Call>& calls) {
    std::vector<mr_context*> contexts;
    std::vector<const mr_event*> events;
    for (FakeHost::Call& call : calls) {
      contexts.push_back(FakeHost::ContextOf(call));
      events.push_back(call.event);
    }
    std::vector<int32_t> outcomes(calls.size(), -1);
    if (table_->handle_batch != nullptr) {
      table_->handle_batch(instance_, calls.size(), contexts.data(), events.data(),
                           outcomes.data());
      return outcomes;
    }
    for (size_t i = 0; i < calls.size(); ++i) {
      outcomes[i] = table_->handle(instance_, contexts[i], events[i]);
      const bool failed = outcomes[i] != MR_DONE || calls[i].failed_status != MR_OK;
      if (failed && HasState()) {
        outcomes.resize(i + 1);
        break;
      }
    }
    return outcomes;
  }

  void Settle(FakeHost::Call& call, int32_t outcome) {
    Result& result = call.result;
    if (outcome < MR_DONE || outcome > MR_FATAL) {
      result.reason = "unknown outcome " + std::to_string(outcome);
      outcome = MR_FATAL;
    }
    if (outcome == MR_DONE && call.failed_status != MR_OK) {
      result.reason = "a host call failed: " + call.failed_call;
      outcome = detail::OutcomeOf(call.failed_status);
    }
    result.outcome = outcome;
    if (outcome == MR_DONE) {
      host_->state().Apply(call.index);
    } else {
      result.emitted.clear();
    }
  }

  const mr_function* table_;
  std::string refused_;
  std::optional<FakeHost> host_;
  void* library_ = nullptr;
  void* instance_ = nullptr;
  bool opened_ = false;
  bool started_ = false;
  int64_t now_ms_ = 0;
  int64_t next_offset_ = 0;
};

}  // namespace millrace::testing
