// SPDX-License-Identifier: Apache-2.0
#include "host_run.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "bench/kafka/check.h"
#include "bench/kafka/topics.h"
#include "child_process.h"
#include "http/client.h"
#include "http/endpoint.h"
#include "store.h"

namespace millrace::drain {
namespace {

using Steady = std::chrono::steady_clock;

constexpr const char* kFunction = "drain";
constexpr std::chrono::seconds kStartPatience{60};
constexpr std::chrono::seconds kStallPatience{60};  // without a record applied
constexpr std::chrono::seconds kStopPatience{60};
constexpr std::chrono::milliseconds kScrapeEvery{50};
constexpr std::chrono::milliseconds kLookEvery{20};
constexpr double kMegabyte = 1e6;
constexpr size_t kLogTailBytes = 4000;

double SecondsSince(Steady::time_point began) {
  return std::chrono::duration<double>(Steady::now() - began).count();
}

std::string Section(const std::string& name, const std::vector<std::string>& lines,
                    const std::string& indent) {
  std::string text = name + ":\n";
  for (const std::string& line : lines) text += indent + line + "\n";
  return text;
}

std::vector<std::string> Join(std::vector<std::string> first,
                              const std::vector<std::string>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

class Run {
 public:
  Run(const HostRunSpec& spec, const Input& input)
      : spec_(spec),
        input_(input),
        folder_(spec.folder + "/" + spec.name),
        output_(spec.name + ".out"),
        store_(spec.redis) {
    for (int i = 0; i < input.spec.partitions; ++i) {
      tasks_.push_back("{mr:" + spec.name + ":" + kFunction + ":" + std::to_string(i) + "}");
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() { CleanUp(); }

  HostRun Measure() {
    bench::CreateTopic(spec_.kafka, output_, input_.spec.partitions);
    WriteConfig();
    const int64_t memory_before = store_.MemoryBytes();
    const auto started = Steady::now();
    host_.emplace(
        std::vector<std::string>{spec_.programs->host, "run", "-c", folder_ + "/drain.yaml"},
        log());
    const std::string line = host_->ReadLine(kStartPatience);
    const auto server = http::ParseEndpoint(line.substr(line.find('=') + 1));
    bench::Require(server.has_value(), "the host printed " + line);
    server_ = *server;
    const int64_t before_window = AwaitFirstRecord(started);
    HostRun run{.startup_s = SecondsSince(started)};
    MeasureWindow(before_window, &run);
    run.store_mb = static_cast<double>(store_.MemoryBytes() - memory_before) / kMegabyte;
    Stop(&run);
    Verify(&run);
    return run;
  }

  void ShowLog() const {
    std::ifstream file(log());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const size_t from = text.size() > kLogTailBytes ? text.size() - kLogTailBytes : 0;
    std::fprintf(stderr, "the host's log ends with:\n%s\n", text.c_str() + from);
  }

 private:
  std::string log() const { return folder_ + "/log"; }
  std::string group() const { return "millrace." + spec_.name + "." + kFunction; }

  void WriteConfig() const {
    std::filesystem::create_directories(folder_ + "/functions");
    std::ofstream file(folder_ + "/drain.yaml");
    file << Section("host",
                    Join({"namespace: " + spec_.name, "id: " + spec_.name,
                          "functions_dir: " + folder_ + "/functions",
                          "cache_dir: " + folder_ + "/cache", "http: { listen: 127.0.0.1:0 }"},
                         spec_.settings.host),
                    "  ")
         << Section("kafka", Join({"bootstrap.servers: " + spec_.kafka}, spec_.settings.kafka),
                    "  ")
         << Section("redis", {"url: " + spec_.redis_of_host}, "  ") << "functions:\n"
         << Section(std::string("  ") + kFunction,
                    Join({"library: " + spec_.programs->library,
                          std::string("delivery: ") +
                              (spec_.exactly_once ? "exactly_once" : "at_least_once"),
                          "triggers: [{ kafka: { topics: [" + input_.spec.topic +
                              "], start: earliest } }]",
                          "outputs: { changes: " + output_ + " }"},
                         spec_.settings.function),
                    "    ");
    file.close();
    bench::Require(!file.fail(), "cannot write " + folder_ + "/drain.yaml");
  }

  // 0 while the host does not tell it.
  int64_t Ingested() const {
    const auto answer =
        http::Send(server_, {.method = "GET", .target = "/metrics", .fields = {}, .body = {}});
    if (!answer) return 0;
    const std::string series =
        std::string("\nmillrace_records_ingested_total{function=\"") + kFunction + "\"} ";
    const size_t at = answer->body.find(series);
    if (at == std::string::npos) return 0;
    return static_cast<int64_t>(std::strtod(answer->body.c_str() + at + series.size(), nullptr));
  }

  int64_t AwaitFirstRecord(Steady::time_point started) {
    for (;;) {
      const int64_t ingested = Ingested();
      if (ingested > 0) return ingested;
      bench::EndIfInterrupted();
      host_->RequireRunning();
      bench::Require(Steady::now() - started < kStartPatience, "the host ingests nothing");
      std::this_thread::sleep_for(kScrapeEvery);
    }
  }

  void MeasureWindow(int64_t before, HostRun* run) {
    const auto began = Steady::now();
    const double host_cpu = host_->cpu_seconds();
    const double store_cpu = store_.CpuSeconds();
    AwaitAllApplied();
    if (spec_.exactly_once) AwaitAllPublished();
    run->seconds = SecondsSince(began);
    const double host_used = host_->cpu_seconds() - host_cpu;
    const double store_used = store_.CpuSeconds() - store_cpu;
    const auto records = static_cast<double>(input_.spec.records - before);
    bench::Require(records > 0, "the host was done before it was looked at; take more --records");
    run->records_per_s = records / run->seconds;
    run->cpu_s_per_million_host = host_used / records * 1e6;
    run->cpu_s_per_million_store = store_used / records * 1e6;
    run->rss_mb = static_cast<double>(host_->peak_memory_bytes()) / kMegabyte;
  }

  void AwaitAllApplied() {
    int64_t applied = 0;
    auto moved = Steady::now();
    while (applied < input_.spec.records) {
      std::this_thread::sleep_for(kLookEvery);
      bench::EndIfInterrupted();
      host_->RequireRunning();
      const int64_t now = store_.Applied(tasks_, input_.spec.topic);
      if (now != applied) moved = Steady::now();
      applied = now;
      bench::Require(Steady::now() - moved < kStallPatience,
                     "the host stands still at " + std::to_string(applied) + " of " +
                         std::to_string(input_.spec.records) + " records applied");
    }
  }

  // At least once, what is applied is published.
  void AwaitAllPublished() {
    const auto began = Steady::now();
    while (bench::Committed(spec_.kafka, group(), input_.spec.topic, input_.spec.partitions) <
           input_.spec.records) {
      host_->RequireRunning();
      bench::Require(Steady::now() - began < kStallPatience,
                     "not everything that is applied is published");
    }
  }

  void Stop(HostRun* run) {
    const auto began = Steady::now();
    const Ended ended = host_->Stop(kStopPatience);
    run->stop_s = SecondsSince(began);
    run->cpu_s_host_total = ended.cpu_seconds;
    bench::Require(ended.code == 0, "the host ended with exit code " + std::to_string(ended.code));
  }

  void Verify(HostRun* run) {
    const auto expect = [](const char* what, int64_t is, int64_t should) {
      bench::Require(is == should, std::string(what) + " is " + std::to_string(is) + ", not " +
                                       std::to_string(should));
    };
    const Totals totals = store_.SumTotals(tasks_);
    expect("the number of keys in the store", totals.keys, input_.keys_used);
    expect("the sum of the counts in the store", totals.count, input_.spec.records);
    expect("the sum of the sums in the store", totals.sum, input_.amount_sum);
    run->outputs = bench::CountRecords(spec_.kafka, output_, input_.spec.partitions);
    expect("the number of outputs", run->outputs, input_.spec.records);
  }

  void CleanUp() {
    host_.reset();
    try {
      store_.Remove(tasks_);
      bench::DeleteTopic(spec_.kafka, output_);
      bench::DeleteGroup(spec_.kafka, group());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "drain: cleaning up after %s: %s\n", spec_.name.c_str(), error.what());
    }
  }

  const HostRunSpec& spec_;
  const Input& input_;
  std::string folder_;
  std::string output_;
  Store store_;
  std::vector<std::string> tasks_;
  http::Endpoint server_;
  std::optional<ChildProcess> host_;
};

}  // namespace

HostRun MeasureHost(const HostRunSpec& spec, const Input& input) {
  Run run(spec, input);
  try {
    return run.Measure();
  } catch (const std::exception&) {
    run.ShowLog();
    throw;
  }
}

}  // namespace millrace::drain
