// SPDX-License-Identifier: Apache-2.0
#include "report.h"

namespace millrace::load {
namespace {

double PerSecond(int64_t records, double seconds) {
  return seconds > 0 ? static_cast<double>(records) / seconds : 0;
}

double Milliseconds(int64_t ns) { return static_cast<double>(ns) / 1e6; }

boost::json::object LatencyOf(const Histogram& ns) {
  return {{"count", ns.count()},
          {"p50", Milliseconds(ns.Quantile(0.5))},
          {"p90", Milliseconds(ns.Quantile(0.9))},
          {"p95", Milliseconds(ns.Quantile(0.95))},
          {"p99", Milliseconds(ns.Quantile(0.99))},
          {"p99_9", Milliseconds(ns.Quantile(0.999))},
          {"max", Milliseconds(ns.max())}};
}

}  // namespace

boost::json::object ToJson(const Expected& expected) {
  return {{"records", expected.records},
          {"keys_used", expected.keys_used},
          {"aggregate", boost::json::object{{"records", expected.records},
                                            {"digest", expected.aggregate_digest},
                                            {"final_digest", expected.aggregate_final_digest}}},
          {"pass_through", boost::json::object{{"records", expected.records},
                                               {"digest", expected.pass_through_digest}}}};
}

boost::json::object ToJson(const Filled& filled) {
  boost::json::object json = ToJson(filled.expected);
  json["seconds"] = filled.seconds;
  json["records_per_s"] = PerSecond(filled.expected.records, filled.seconds);
  json["offsets_before"] = filled.offsets_before;
  return json;
}

boost::json::object ToJson(Cell cell, const CheckResult& result) {
  boost::json::object json{{"records", result.records},
                           {"digest", result.digest},
                           {"distinct_keys", result.distinct_keys},
                           {"moved_keys", result.moved_keys},
                           {"open_transaction", result.open_transaction}};
  if (cell == Cell::kPassThrough) return json;
  json["out_of_order"] = result.out_of_order;
  json["repeated"] = result.repeated;
  json["final_digest"] = result.final_digest;
  return json;
}

boost::json::object ToJson(const PaceSpec& spec, const PaceRun& run) {
  return {{"rate", spec.rate},
          {"sent", run.sending.sent},
          {"received", run.received},
          {"missing", run.sending.sent - run.received},
          {"repeated", run.repeated},
          {"latency_ms", LatencyOf(run.latency_ns)},
          {"send_lag_ms_max", run.sending.send_lag_ms_max},
          {"cpu_seconds", run.cpu_seconds}};
}

boost::json::object ToJson(const PacedSpec& spec, const PacedRun& run) {
  return {{"rate", spec.schedule.rate},
          {"sent", run.sent},
          {"first_tag", spec.first_index},
          {"next_tag", spec.first_index + run.sent},
          {"seconds", run.seconds},
          {"records_per_s", PerSecond(run.sent, run.seconds)},
          {"send_lag_ms_max", run.send_lag_ms_max}};
}

boost::json::object ToJson(const LoopRun& run) {
  return {{"records", run.records},
          {"seconds", run.seconds},
          {"records_per_s", PerSecond(run.records, run.seconds)},
          {"cpu_seconds", run.cpu_seconds},
          {"commits", run.commits}};
}

boost::json::object ToJson(const bench::BareRun& run) {
  return {{"records_per_s", run.records_per_s}, {"cpu_s_per_million", run.cpu_s_per_million}};
}

}  // namespace millrace::load
