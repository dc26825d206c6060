// SPDX-License-Identifier: Apache-2.0
#include "observe/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <utility>

namespace millrace::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Collects series into families; one that got no series is not shown.
class Families {
 public:
  MetricFamily& Begin(MetricType type, const char* name, const char* help) {
    DropEmpty();
    MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = type;
    return family;
  }

  std::string Text() {
    DropEmpty();
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  void DropEmpty() {
    if (!families_.empty() && families_.back().metric.empty()) families_.pop_back();
  }

  std::vector<MetricFamily> families_;
};

void Put(MetricFamily& family, Labels labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

Labels Of(const FunctionMetrics& function) { return {{"function", function.function}}; }

struct SimpleFamily {
  MetricType type;
  const char* name;
  const char* help;
  uint64_t FunctionTotals::*member;
};

constexpr SimpleFamily kSimpleFamilies[] = {
    {MetricType::Counter, "millrace_records_ingested_total",
     "Records taken from the input topics at or above applied, before the filter.",
     &FunctionTotals::records_ingested},
    {MetricType::Counter, "millrace_records_filtered_total",
     "Records that the trigger's filter kept from the handler.", &FunctionTotals::records_filtered},
    {MetricType::Counter, "millrace_outputs_total",
     "Records emitted by the handler and acknowledged by the broker.", &FunctionTotals::outputs},
    {MetricType::Gauge, "millrace_output_queue_bytes",
     "Bytes of outputs that the broker has not acknowledged.", &FunctionTotals::output_queue_bytes},
    {MetricType::Counter, "millrace_commit_effects_total",
     "State writes committed, after coalescing.", &FunctionTotals::commit_effects},
    {MetricType::Counter, "millrace_events_rerun_total",
     "Offsets run again because the state was behind what is published.",
     &FunctionTotals::events_rerun},
    {MetricType::Counter, "millrace_outputs_suppressed_total",
     "Outputs of events that ran again, not written because they are published already.",
     &FunctionTotals::outputs_suppressed},
    {MetricType::Counter, "millrace_offsets_skipped_total",
     "Offsets passed over because the input no longer holds them.",
     &FunctionTotals::offsets_skipped},
    {MetricType::Counter, "millrace_repeats_dropped_total",
     "Records dropped as repeats of another function's outputs.", &FunctionTotals::repeats_dropped},
    {MetricType::Counter, "millrace_records_put_aside_total",
     "Records kept whole in the store and passed over: they had ended the function's process too "
     "often.",
     &FunctionTotals::records_put_aside},
    {MetricType::Gauge, "millrace_tasks", "Tasks that this host owns.", &FunctionTotals::tasks},
    {MetricType::Gauge, "millrace_retries_waiting", "Events that wait for their next attempt.",
     &FunctionTotals::retries_waiting},
    {MetricType::Gauge, "millrace_state_cache_bytes", "Bytes of state held in memory.",
     &FunctionTotals::state_cache_bytes},
    {MetricType::Counter, "millrace_state_cache_hits_total",
     "Keys whose state was in memory when their event came.", &FunctionTotals::state_cache_hits},
    {MetricType::Counter, "millrace_state_cache_misses_total",
     "Keys whose state was prefetched from the store.", &FunctionTotals::state_cache_misses},
    {MetricType::Counter, "millrace_state_ondemand_reads_total",
     "State reads for which a handler waited.", &FunctionTotals::state_ondemand_reads},
};

void AddHost(Families& out, const MetricsSnapshot& snapshot) {
  Put(out.Begin(MetricType::Gauge, "millrace_build_info", "Always 1; the label tells the version."),
      {{"version", snapshot.version}}, 1);
  Put(out.Begin(MetricType::Gauge, "millrace_ready", "1 when /readyz answers 200, else 0."), {},
      snapshot.ready == ReadyState::kReady ? 1 : 0);
}

void AddFunctionStates(Families& out, const std::vector<FunctionMetrics>& functions) {
  MetricFamily& running = out.Begin(MetricType::Gauge, "millrace_function_running",
                                    "1 while the function takes events, else 0.");
  for (const auto& function : functions) {
    Put(running, Of(function), function.state == RunState::kRunning ? 1 : 0);
  }
  MetricFamily& generation =
      out.Begin(MetricType::Gauge, "millrace_function_generation",
                "Number of the library's generation in use, from 1 for the first one loaded.");
  for (const auto& function : functions) {
    if (function.generation) {
      Put(generation, Of(function), static_cast<double>(*function.generation));
    }
  }
}

void AddByWord(MetricFamily& family, const std::vector<FunctionMetrics>& functions,
               const char* name, std::map<std::string, uint64_t> FunctionMetrics::*member) {
  for (const auto& function : functions) {
    for (const auto& [word, count] : function.*member) {
      Labels labels = Of(function);
      labels.push_back({name, word});
      Put(family, std::move(labels), static_cast<double>(count));
    }
  }
}

void AddGenerations(Families& out, const std::vector<FunctionMetrics>& functions) {
  AddByWord(out.Begin(MetricType::Gauge, "millrace_function_generations",
                      "Libraries that came for the function since the host started, by state."),
            functions, "state", &FunctionMetrics::generations);
  AddByWord(out.Begin(MetricType::Counter, "millrace_swaps_total",
                      "Changes of the library in use that were tried, by result."),
            functions, "result", &FunctionMetrics::swaps);
}

void AddLateHandlers(Families& out, const std::vector<FunctionMetrics>& functions) {
  MetricFamily& late = out.Begin(MetricType::Gauge, "millrace_handlers_late",
                                 "Lanes whose handler has worked for longer than limits.timeout.");
  for (const auto& function : functions) {
    Put(late, Of(function), static_cast<double>(function.late_handlers));
  }
}

void AddRestarts(Families& out, const std::vector<FunctionMetrics>& functions) {
  MetricFamily& restarts =
      out.Begin(MetricType::Counter, "millrace_process_restarts_total",
                "How often the process of the function was started again after it had ended.");
  for (const auto& function : functions) {
    Put(restarts, Of(function), static_cast<double>(function.restarts));
  }
}

// One series per function and value of Label, with its word as the label `name`.
template <class Label, size_t N>
void AddLabelled(MetricFamily& family, const std::vector<FunctionMetrics>& functions,
                 const char* name, std::array<uint64_t, N> FunctionTotals::*member) {
  for (const auto& function : functions) {
    for (size_t i = 0; i < N; ++i) {
      Labels labels = Of(function);
      labels.push_back({name, Name(static_cast<Label>(i))});
      Put(family, std::move(labels), static_cast<double>((function.totals.*member)[i]));
    }
  }
}

void AddInvocations(Families& out, const std::vector<FunctionMetrics>& functions) {
  MetricFamily& invocations = out.Begin(MetricType::Counter, "millrace_invocations_total",
                                        "Events handed to the handler, by its outcome.");
  AddLabelled<OutcomeLabel>(invocations, functions, "outcome", &FunctionTotals::invocations);
  MetricFamily& dropped = out.Begin(MetricType::Counter, "millrace_dropped_total",
                                    "Events given up on because the handler said drop.");
  for (const auto& function : functions) {
    Put(dropped, Of(function),
        static_cast<double>(function.totals.invocations_of(OutcomeLabel::kDrop)));
  }
}

void AddDurations(Families& out, const std::vector<FunctionMetrics>& functions) {
  MetricFamily& durations =
      out.Begin(MetricType::Histogram, "millrace_invocation_duration_seconds",
                "Time that the handler took for an event; a batch counts its mean per event.");
  for (const auto& function : functions) {
    ClientMetric& metric = durations.metric.emplace_back();
    metric.label = Of(function);
    uint64_t cumulative = 0;
    for (size_t i = 0; i < DurationHistogram::kBuckets; ++i) {
      cumulative += function.totals.duration_buckets[i];
      ClientMetric::Bucket& bucket = metric.histogram.bucket.emplace_back();
      bucket.cumulative_count = cumulative;
      bucket.upper_bound = i < DurationHistogram::kBounds ? DurationHistogram::BoundSeconds(i)
                                                          : std::numeric_limits<double>::infinity();
    }
    metric.histogram.sample_count = cumulative;
    metric.histogram.sample_sum = static_cast<double>(function.totals.duration_sum_nanos) / 1e9;
  }
}

void AddCommits(Families& out, const std::vector<FunctionMetrics>& functions) {
  AddLabelled<CommitLabel>(out.Begin(MetricType::Counter, "millrace_commits_total",
                                     "Units that were committed or refused, by result."),
                           functions, "result", &FunctionTotals::commits);
  AddLabelled<TransactionLabel>(out.Begin(MetricType::Counter, "millrace_transactions_total",
                                          "Kafka transactions that ended, by result."),
                                functions, "result", &FunctionTotals::transactions);
  AddLabelled<RecoveryLabel>(
      out.Begin(MetricType::Counter, "millrace_recoveries_total",
                "Tasks that began without all that they had, by what was missing or done."),
      functions, "kind", &FunctionTotals::recoveries);
}

void AddLag(Families& out, const std::vector<FunctionMetrics>& functions) {
  MetricFamily& records =
      out.Begin(MetricType::Gauge, "millrace_lag_records",
                "End of the partition minus applied. Absent while either is unknown.");
  for (const auto& function : functions) {
    for (const PartitionLag& lag : function.lag) {
      Labels labels = Of(function);
      labels.push_back({"topic", lag.topic});
      labels.push_back({"partition", std::to_string(lag.partition)});
      Put(records, std::move(labels), static_cast<double>(lag.records));
    }
  }
  MetricFamily& seconds =
      out.Begin(MetricType::Gauge, "millrace_lag_seconds",
                "Age of the oldest event that is not yet applied. Absent while unknown.");
  for (const auto& function : functions) {
    if (function.lag_seconds) Put(seconds, Of(function), *function.lag_seconds);
  }
}

void AddSimple(Families& out, const std::vector<FunctionMetrics>& functions) {
  for (const SimpleFamily& simple : kSimpleFamilies) {
    MetricFamily& family = out.Begin(simple.type, simple.name, simple.help);
    for (const auto& function : functions) {
      Put(family, Of(function), static_cast<double>(function.totals.*simple.member));
    }
  }
}

}  // namespace

std::string RenderMetrics(const MetricsSnapshot& snapshot) {
  Families families;
  AddHost(families, snapshot);
  AddFunctionStates(families, snapshot.functions);
  AddGenerations(families, snapshot.functions);
  AddLateHandlers(families, snapshot.functions);
  AddRestarts(families, snapshot.functions);
  AddInvocations(families, snapshot.functions);
  AddDurations(families, snapshot.functions);
  AddCommits(families, snapshot.functions);
  AddLag(families, snapshot.functions);
  AddSimple(families, snapshot.functions);
  return families.Text();
}

}  // namespace millrace::observe
