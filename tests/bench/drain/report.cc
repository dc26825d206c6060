// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cstdio>
#include <functional>

namespace millrace::drain {
namespace {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

template <class Of>
using Figure = std::function<double(const Of&)>;

// The upper median of an even number.
template <class Of>
Spread SpreadOf(const std::vector<Of>& runs, const Figure<Of>& figure) {
  std::vector<double> values;
  for (const Of& run : runs) values.push_back(figure(run));
  std::sort(values.begin(), values.end());
  return {.median = values[values.size() / 2], .min = values.front(), .max = values.back()};
}

template <class Of>
double Median(const std::vector<Of>& runs, const Figure<Of>& figure) {
  return SpreadOf(runs, figure).median;
}

double CostOf(const HostRun& run) {
  return run.cpu_s_per_million_host + run.cpu_s_per_million_store;
}

struct Line {
  const char* name;  // in the JSON object
  const char* text;
  int decimals;
  Figure<Round> figure;
};

std::vector<Line> Lines(const std::vector<Round>& rounds) {
  std::vector<Line> lines = {
      {"bare_records_per_s", "bare consumer, split queues in batches, records/s", 0,
       [](const Round& r) { return r.batches.records_per_s; }},
      {"bare_cpu_s_per_million", "  CPU-s per million", 2,
       [](const Round& r) { return r.batches.cpu_s_per_million; }},
      {"poll_records_per_s", "bare consumer, poll record by record, records/s", 0,
       [](const Round& r) { return r.poll.records_per_s; }},
      {"poll_cpu_s_per_million", "  CPU-s per million", 2,
       [](const Round& r) { return r.poll.cpu_s_per_million; }},
      {"records_per_s", "host, records/s", 0,
       [](const Round& r) { return r.direct.records_per_s; }},
      {"ratio_bare", "  of the bare consumer in batches", 3,
       [](const Round& r) { return r.direct.records_per_s / r.batches.records_per_s; }},
      {"cpu_s_per_million_host", "  CPU-s per million, host", 2,
       [](const Round& r) { return r.direct.cpu_s_per_million_host; }},
      {"cpu_s_per_million_store", "  CPU-s per million, Redis", 2,
       [](const Round& r) { return r.direct.cpu_s_per_million_store; }},
      {"cpu_s_per_million", "  CPU-s per million, both", 2,
       [](const Round& r) { return CostOf(r.direct); }},
      {"cpu_s_host_total", "  CPU-s of the host's whole life", 2,
       [](const Round& r) { return r.direct.cpu_s_host_total; }},
      {"rss_mb", "  peak memory of the host, MB", 0,
       [](const Round& r) { return r.direct.rss_mb; }},
      {"store_mb", "  state in Redis, MB", 1, [](const Round& r) { return r.direct.store_mb; }},
      {"seconds", "  seconds from the first record to the last one applied", 2,
       [](const Round& r) { return r.direct.seconds; }},
      {"startup_s", "  seconds from its start to the first record", 2,
       [](const Round& r) { return r.direct.startup_s; }},
      {"stop_s", "  seconds from SIGTERM to its end", 2,
       [](const Round& r) { return r.direct.stop_s; }},
  };
  if (rounds.front().delayed) {
    lines.push_back({"delayed_records_per_s", "host, Redis replies delayed, records/s", 0,
                     [](const Round& r) { return r.delayed->records_per_s; }});
    lines.push_back({"ratio_delayed", "  of the host without delay", 3, [](const Round& r) {
                       return r.delayed->records_per_s / r.direct.records_per_s;
                     }});
    lines.push_back({"delayed_cpu_s_per_million", "  CPU-s per million, both", 2,
                     [](const Round& r) { return CostOf(*r.delayed); }});
    lines.push_back({"delayed_rss_mb", "  peak memory of the host, MB", 0,
                     [](const Round& r) { return r.delayed->rss_mb; }});
  }
  if (rounds.front().exactly_once) {
    lines.push_back({"exactly_once_records_per_s", "host, exactly once, records/s", 0,
                     [](const Round& r) { return r.exactly_once->records_per_s; }});
    lines.push_back(
        {"ratio_exactly_once", "  of the host under at least once", 3,
         [](const Round& r) { return r.exactly_once->records_per_s / r.direct.records_per_s; }});
    lines.push_back({"exactly_once_cpu_s_per_million_host", "  CPU-s per million, host", 2,
                     [](const Round& r) { return r.exactly_once->cpu_s_per_million_host; }});
    lines.push_back({"exactly_once_cpu_s_per_million_store", "  CPU-s per million, Redis", 2,
                     [](const Round& r) { return r.exactly_once->cpu_s_per_million_store; }});
    lines.push_back({"exactly_once_cpu_s_per_million", "  CPU-s per million, both", 2,
                     [](const Round& r) { return CostOf(*r.exactly_once); }});
    lines.push_back({"exactly_once_rss_mb", "  peak memory of the host, MB", 0,
                     [](const Round& r) { return r.exactly_once->rss_mb; }});
  }
  return lines;
}

// The largest distance of a size's cost from the mean of all, in percent.
double UnevennessPercent(const std::vector<Series>& series) {
  std::vector<double> costs;
  double sum = 0;
  for (const Series& one : series) {
    costs.push_back(Median<HostRun>(one.runs, CostOf));
    sum += costs.back();
  }
  const double mean = sum / static_cast<double>(costs.size());
  double worst = 0;
  for (const double cost : costs) worst = std::max(worst, std::abs(cost / mean - 1) * 100);
  return worst;
}

}  // namespace

void PrintRound(size_t number, const Round& round) {
  std::printf("round %zu: bare %.0f/s, poll %.0f/s, host %.0f/s (%.3f), %.2f CPU-s per million\n",
              number, round.batches.records_per_s, round.poll.records_per_s,
              round.direct.records_per_s, round.direct.records_per_s / round.batches.records_per_s,
              CostOf(round.direct));
  std::fflush(stdout);
}

void PrintRounds(const Input& input, const std::vector<Round>& rounds) {
  std::printf("%lld records of 100 bytes, %lld keys, %d partitions, rounds: %zu\n",
              static_cast<long long>(input.spec.records), static_cast<long long>(input.spec.keys),
              input.spec.partitions, rounds.size());
  for (const Line& line : Lines(rounds)) {
    const Spread spread = SpreadOf(rounds, line.figure);
    std::printf("%-56s %12.*f", line.text, line.decimals, spread.median);
    if (rounds.size() > 1) {
      std::printf("   (%.*f to %.*f)", line.decimals, spread.min, line.decimals, spread.max);
    }
    std::printf("\n");
  }
  std::printf("counts, sums and outputs are right in every run\n");
}

boost::json::object ToJson(const Input& input, const std::vector<Round>& rounds) {
  boost::json::object json;
  json["records"] = input.spec.records;
  json["keys"] = input.spec.keys;
  json["partitions"] = input.spec.partitions;
  json["rounds"] = rounds.size();
  json["outputs"] = rounds.back().direct.outputs;
  for (const Line& line : Lines(rounds)) {
    const Spread spread = SpreadOf(rounds, line.figure);
    json[line.name] = spread.median;
    if (rounds.size() == 1) continue;
    json[std::string(line.name) + "_min"] = spread.min;
    json[std::string(line.name) + "_max"] = spread.max;
  }
  return json;
}

void PrintSeries(const std::vector<Series>& series) {
  std::printf("%12s %12s %10s %10s %10s %10s\n", "records", "records/s", "CPU host", "CPU Redis",
              "CPU both", "peak MB");
  for (const Series& one : series) {
    std::printf("%12lld %12.0f %10.2f %10.2f %10.2f %10.0f\n",
                static_cast<long long>(one.input.spec.records),
                Median<HostRun>(one.runs, &HostRun::records_per_s),
                Median<HostRun>(one.runs, &HostRun::cpu_s_per_million_host),
                Median<HostRun>(one.runs, &HostRun::cpu_s_per_million_store),
                Median<HostRun>(one.runs, CostOf), Median<HostRun>(one.runs, &HostRun::rss_mb));
  }
  std::printf("CPU is in seconds per million records; it lies within %.1f %% of its mean\n",
              UnevennessPercent(series));
}

boost::json::object ToJson(const std::vector<Series>& series) {
  boost::json::array sizes;
  for (const Series& one : series) {
    sizes.push_back(boost::json::object{
        {"records", one.input.spec.records},
        {"records_per_s", Median<HostRun>(one.runs, &HostRun::records_per_s)},
        {"cpu_s_per_million_host", Median<HostRun>(one.runs, &HostRun::cpu_s_per_million_host)},
        {"cpu_s_per_million_store", Median<HostRun>(one.runs, &HostRun::cpu_s_per_million_store)},
        {"cpu_s_per_million", Median<HostRun>(one.runs, CostOf)},
        {"rss_mb", Median<HostRun>(one.runs, &HostRun::rss_mb)}});
  }
  return {{"series", std::move(sizes)}, {"unevenness_percent", UnevennessPercent(series)}};
}

}  // namespace millrace::drain
