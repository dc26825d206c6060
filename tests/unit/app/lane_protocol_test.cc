// SPDX-License-Identifier: Apache-2.0
#include "app/lane_protocol.h"

#include <gtest/gtest.h>

#include "process/packing.h"

namespace millrace::app {
namespace {

FunctionSpec FullSpec() {
  FunctionSpec spec{.name = "f",
                    .library = "f.so",
                    .group = "g",
                    .delivery = Delivery::kExactlyOnce,
                    .policies = {.on_state_loss = OnStateLoss::kRebuild},
                    .lanes = 3,
                    .batch = {.max_records = 7, .max_wait = Millis(9)},
                    .swap = {.max_error_rate = 0.125, .watch = Millis(77)},
                    .isolation = Isolation::kInline,
                    .limits = {.timeout = Millis(5), .memory = 1 << 20, .cpu = 1.5},
                    .triggers = {},
                    .outputs = {{"out", "topic"}},
                    .config = {{"a.b", std::string("\xff\0", 2)}},
                    .position = {"file.yaml", 3, 4}};
  spec.triggers.push_back({.topics = {"in"},
                           .start = {StartPosition::Kind::kTimestamp, 12345},
                           .filter = HeaderFilter{"h", "v"},
                           .deduplicate = true});
  return spec;
}

TEST(LaneProtocol, AFunctionIsStartedAsItWasAskedFor) {
  const StartLanes start{.settings = {.namespace_name = "n",
                                      .host_id = "h",
                                      .kafka = {{"bootstrap.servers", "a:1"}},
                                      .lane_queue_bytes = 5,
                                      .lane_output_bytes = 6},
                         .redis_url = "redis://r",
                         .spec = FullSpec(),
                         .delivery = Delivery::kExactlyOnce,
                         .needs_store = true,
                         .memory_bytes_max = 99,
                         .library = {.number = 4, .copy = "/c", .file = "/f"}};
  const auto back = process::Unpack<ToLanes>(process::Pack(ToLanes(start)));
  ASSERT_TRUE(back && std::holds_alternative<StartLanes>(*back));
  const auto& got = std::get<StartLanes>(*back);
  EXPECT_EQ(got.spec, start.spec);
  EXPECT_EQ(got.settings.kafka, start.settings.kafka);
  EXPECT_EQ(got.library.copy, "/c");
  EXPECT_EQ(process::Pack(ToLanes(got)), process::Pack(ToLanes(start)));
}

TEST(LaneProtocol, AReportComesBackAsItWas) {
  LaneReport report;
  report.tasks.push_back({.partition = 2,
                          .phase = lane::TaskPhase::kWaiting,
                          .reason = "r",
                          .epoch = "e",
                          .topics = {{.topic = "t", .applied = 5, .lag = 6}},
                          .retry = lane::RetryStatus{.topic = "t", .offset = 1, .reason = "w"},
                          .recovery = lane::RecoveryStatus{.text = "x"},
                          .oldest_pending_ms = 4,
                          .aside = {{.kind = "crash", .topic = "t", .offset = 3}},
                          .aside_count = 1});
  report.released.push_back({.partition = 3, .final_offsets = {{{"t", 3}, 8, "note"}}});
  report.stop_reason = lane::StopReason{.text = "stop"};
  report.swap_refusal = SwapRefusal{.generation = 2, .reason = "no", .differs = true};
  const FromLanes message = ReportLanes{.reports = {report}, .commands = {11}};
  const std::string packed = process::Pack(message);
  const auto back = process::Unpack<FromLanes>(packed);
  ASSERT_TRUE(back);
  EXPECT_EQ(process::Pack(*back), packed);
  EXPECT_EQ(std::get<ReportLanes>(*back).reports[0].released[0].final_offsets[0].metadata, "note");
}

}  // namespace
}  // namespace millrace::app
