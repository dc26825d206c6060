// SPDX-License-Identifier: Apache-2.0
// millrace-sim: random schedules of faults against the real lane, commit and recovery code.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sim/schedule.h"

namespace {

using millrace::sim::BreakNamed;
using millrace::sim::Breaks;
using millrace::sim::kRowNames;
using millrace::sim::kRows;
using millrace::sim::Outcome;
using millrace::sim::RowCounts;
using millrace::sim::Schedule;

struct Options {
  uint64_t seeds = 1000;
  uint64_t first = 1;
  std::string break_name;
  std::string seeds_file;
  unsigned jobs = 1;
  bool verbose = false;
};

struct Totals {
  std::mutex mutex;
  RowCounts rows;
  uint64_t schedules = 0, events = 0, faults = 0, failed = 0;
  uint64_t trace = 0;  // of all, in any order
};

void Report(const Options& options, uint64_t seed, const Outcome& outcome) {
  std::printf("seed %llu: %s\n  trace %016llx; again: millrace-sim --seeds 1 --first %llu%s%s\n",
              static_cast<unsigned long long>(seed), outcome.violation.c_str(),
              static_cast<unsigned long long>(outcome.trace), static_cast<unsigned long long>(seed),
              options.break_name.empty() ? "" : " --break ", options.break_name.c_str());
}

constexpr uint64_t kReportsMax = 5;

void RunSeeds(const Options& options, const Breaks& breaks, const std::vector<uint64_t>& seeds,
              std::atomic<size_t>* next, Totals* totals) {
  for (size_t at = (*next)++; at < seeds.size(); at = (*next)++) {
    const Outcome outcome = Schedule(seeds[at], breaks, options.verbose).Run();
    const std::lock_guard lock(totals->mutex);
    totals->rows.Add(outcome.rows);
    ++totals->schedules;
    totals->events += static_cast<uint64_t>(outcome.events);
    totals->faults += static_cast<uint64_t>(outcome.faults);
    totals->trace ^= outcome.trace * (seeds[at] | 1);
    if (outcome.violation.empty()) continue;
    if (++totals->failed <= kReportsMax) Report(options, seeds[at], outcome);
  }
}

std::vector<uint64_t> SeedsOf(const Options& options) {
  std::vector<uint64_t> seeds;
  if (!options.seeds_file.empty()) {
    std::ifstream file(options.seeds_file);
    for (std::string line; std::getline(file, line);) {
      if (!line.empty() && line[0] != '#') seeds.push_back(std::stoull(line));
    }
  }
  for (uint64_t i = 0; i < options.seeds; ++i) seeds.push_back(options.first + i);
  return seeds;
}

int Summarise(const Options& options, const Totals& totals, double seconds) {
  std::printf("%llu schedules in %.1f s (%.0f a second), %llu events, %llu faults, trace %016llx\n",
              static_cast<unsigned long long>(totals.schedules), seconds,
              static_cast<double>(totals.schedules) / seconds,
              static_cast<unsigned long long>(totals.events),
              static_cast<unsigned long long>(totals.faults),
              static_cast<unsigned long long>(totals.trace));
  bool every_row = true;
  for (size_t i = 0; i < kRows; ++i) {
    std::printf("  %8llu  %s\n", static_cast<unsigned long long>(totals.rows.hits[i]),
                std::string(kRowNames[i]).c_str());
    every_row = every_row && totals.rows.hits[i] > 0;
  }
  if (totals.failed > 0) {
    std::printf("%llu schedules failed\n", static_cast<unsigned long long>(totals.failed));
    return 1;
  }
  // A single replayed seed cannot hit every row.
  constexpr uint64_t kEnoughForEveryRow = 1000;
  if (!every_row && options.break_name.empty() && totals.schedules >= kEnoughForEveryRow) {
    std::puts("a row of the crash table was never hit");
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Random schedules of faults against the real lane, commit and recovery code.");
  app.add_option("--seeds", options.seeds, "how many schedules");
  app.add_option("--first", options.first, "the first seed");
  app.add_option(
      "--break", options.break_name,
      "leave one safety out: epoch, cas, outbox, stable_offsets, metadata, "
      "local_position, redo_replay, redo_trim, redo_direct, crash_id, aside; exit 1 when "
      "that is noticed");
  app.add_option("--seeds-file", options.seeds_file, "run these seeds first, one per line");
  app.add_option("--jobs", options.jobs, "threads; every schedule runs on one")
      ->check(CLI::Range(1u, 64u));
  app.add_flag("--verbose", options.verbose, "tell what every schedule does");
  CLI11_PARSE(app, argc, argv);
  Breaks breaks;
  if (!options.break_name.empty()) {
    const auto named = BreakNamed(options.break_name);
    if (!named) {
      std::fprintf(stderr, "millrace-sim: unknown break \"%s\"\n", options.break_name.c_str());
      return 2;
    }
    breaks = *named;
  }
  const std::vector<uint64_t> seeds = SeedsOf(options);
  Totals totals;
  std::atomic<size_t> next{0};
  const auto before = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < options.jobs; ++i) {
    threads.emplace_back([&] { RunSeeds(options, breaks, seeds, &next, &totals); });
  }
  RunSeeds(options, breaks, seeds, &next, &totals);
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  return Summarise(options, totals, took.count());
}
