// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lane_store.h"
#include "http/invoke.h"
#include "invoke/in_flight.h"
#include "invoke/invoker.h"
#include "lane/handler_state.h"
#include "model/function_spec.h"
#include "model/handler.h"

namespace millrace::app {

// Partitions of an input or output topic; absent while unknown.
using PartitionCounts = std::function<std::optional<int32_t>(const std::string& topic)>;

struct DryRunOptions {
  FunctionSpec spec;
  std::shared_ptr<const Generation> generation;
  PartitionCounts partitions;
  StoreFactory stores;
  const Clock* clock = nullptr;
  invoke::InFlight* in_flight = nullptr;  // may be null
};

// Runs a function's handler on one event without writing anything: its own instance, its own store
// connection, committed state, effects that are shown and dropped. For one generation, on one
// thread.
class DryRun final : private lane::LaneObserver, private effects::OutputSink {
 public:
  static Result<std::unique_ptr<DryRun>> Create(DryRunOptions options);

  http::InvokeResult Run(const http::InvokeEvent& event);
  const Generation* generation() const { return &invoker_->generation(); }

 private:
  DryRun() = default;

  // The event as the lane's code takes it, and what it borrows from.
  struct Prepared;
  std::optional<http::InvokeError> Prepare(const http::InvokeEvent& event, Prepared* prepared);
  std::optional<http::InvokeError> Load(Prepared* prepared);
  std::vector<int32_t> Candidates(const Slice& key, int32_t count) const;
  bool Connect();
  void Describe(Prepared* prepared, http::InvokeResponse* response);
  http::StateChange Change(const state::PendingWrite& write) const;

  void HandlerLogged(uint32_t level, std::string_view text, const std::string& at) override;
  void EventNotDone(invoke::Outcome, const std::string&) override {}
  void TaskChanged(const std::string&) override {}
  std::optional<int32_t> PartitionCount(uint32_t output) override;
  size_t message_bytes_max() const override { return kMessageBytesMax; }
  Status Produce(const effects::OutputRecord&, effects::OutputTicket*) override;
  void Detach() override {}
  void Poll() override {}
  size_t queued_bytes() const override { return 0; }

  static constexpr size_t kMessageBytesMax = 1'000'000;  // the default of Kafka's producers

  FunctionSpec spec_;
  PartitionCounts partitions_;
  const Clock* clock_ = nullptr;
  boost::asio::io_context io_;
  std::unique_ptr<LaneStore> store_;  // null: no state
  std::vector<state::StateDecl> states_;
  std::vector<std::string> output_names_;
  lane::LaneSettings settings_;
  lane::LanePorts ports_;
  observe::LaneCounters counters_;  // of its own: invocations over HTTP are no work of the lanes
  std::unique_ptr<invoke::Invoker> invoker_;
  std::vector<http::InvokeLog> logs_;
};

}  // namespace millrace::app
