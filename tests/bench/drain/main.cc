// SPDX-License-Identifier: Apache-2.0
// drain: what the host reaches on a full topic, beside a consumer that does nothing; README.md
// here.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "bench/kafka/bare_consumer.h"
#include "bench/kafka/check.h"
#include "bench/kafka/topics.h"
#include "host_run.h"
#include "input.h"
#include "report.h"
#include "services.h"

namespace millrace::drain {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Arguments {
  InputSpec input;
  int runs = 1;
  std::vector<int64_t> series;
  uint32_t redis_delay_ms = 0;
  HostSettings settings;
  Programs programs = FindPrograms();
  bool json = false;
  bool exactly_once = false;
};

// Input topics, removed with this object.
class Inputs {
 public:
  Inputs(std::string bootstrap, const InputSpec& like)
      : bootstrap_(std::move(bootstrap)), like_(like) {}
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;
  ~Inputs() {
    for (const std::string& topic : topics_) {
      try {
        bench::DeleteTopic(bootstrap_, topic);
      } catch (const std::exception& error) {
        std::cerr << "drain: removing " << topic << ": " << error.what() << "\n";
      }
    }
  }

  Input Make(int64_t records) {
    InputSpec spec = like_;
    spec.records = records;
    spec.topic = "drain-" + std::to_string(getpid()) + "-" + std::to_string(records) + ".in";
    topics_.push_back(spec.topic);
    const Input input = Produce(bootstrap_, spec);
    std::cout << "produced " << records << " records in " << input.seconds << " s" << std::endl;
    return input;
  }

 private:
  std::string bootstrap_;
  InputSpec like_;
  std::vector<std::string> topics_;
};

// Runs the host again and again, under a new name each time.
class Hosts {
 public:
  Hosts(const Arguments& arguments, const Services& services, std::string folder)
      : arguments_(arguments), services_(services), folder_(std::move(folder)) {}

  HostRun Measure(const Input& input, bool exactly_once = false) {
    return MeasureBy(services_.redis(), input, exactly_once);
  }
  HostRun MeasureDelayed(const Input& input) {
    const DelayedRedis delayed(arguments_.programs, services_.redis(), arguments_.redis_delay_ms);
    return MeasureBy(delayed.url(), input, false);
  }

 private:
  HostRun MeasureBy(const std::string& redis_of_host, const Input& input, bool exactly_once) {
    return MeasureHost({.programs = &arguments_.programs,
                        .folder = folder_,
                        .name = "drain-" + std::to_string(getpid()) + "-" + std::to_string(++runs_),
                        .kafka = services_.kafka(),
                        .redis = services_.redis(),
                        .redis_of_host = redis_of_host,
                        .settings = arguments_.settings,
                        .exactly_once = exactly_once},
                       input);
  }

  const Arguments& arguments_;
  const Services& services_;
  std::string folder_;
  int runs_ = 0;
};

boost::json::object RunRounds(const Arguments& arguments, const Services& services, Hosts* hosts) {
  Inputs inputs(services.kafka(), arguments.input);
  const Input input = inputs.Make(arguments.input.records);
  const bench::BareSpec bare{.bootstrap = services.kafka(),
                             .topic = input.spec.topic,
                             .partitions = input.spec.partitions,
                             .records = input.spec.records,
                             .bytes = input.spec.records * kInputRecordBytes};
  std::vector<Round> rounds;
  for (int i = 0; i < arguments.runs; ++i) {
    Round round{.batches = bench::ConsumeInBatches(bare),
                .poll = bench::ConsumeByPoll(bare),
                .direct = hosts->Measure(input)};
    if (arguments.redis_delay_ms > 0) round.delayed = hosts->MeasureDelayed(input);
    if (arguments.exactly_once) round.exactly_once = hosts->Measure(input, true);
    rounds.push_back(round);
    PrintRound(rounds.size(), round);
  }
  PrintRounds(input, rounds);
  boost::json::object json = ToJson(input, rounds);
  json["redis_delay_ms"] = arguments.redis_delay_ms;
  return json;
}

boost::json::object RunSeries(const Arguments& arguments, const Services& services, Hosts* hosts) {
  Inputs inputs(services.kafka(), arguments.input);
  std::vector<Series> series;
  for (const int64_t records : arguments.series) {
    series.push_back({.input = inputs.Make(records), .runs = {}});
  }
  for (int i = 0; i < arguments.runs; ++i) {
    for (Series& one : series) one.runs.push_back(hosts->Measure(one.input));
  }
  PrintSeries(series);
  return ToJson(series);
}

void Run(const Arguments& arguments) {
  const ScratchFolder scratch;
  const Services services(arguments.programs, scratch.path());
  Hosts hosts(arguments, services, scratch.path());
  const auto json = arguments.series.empty() ? RunRounds(arguments, services, &hosts)
                                             : RunSeries(arguments, services, &hosts);
  if (arguments.json) std::cout << boost::json::serialize(json) << std::endl;
}

void AddOptions(CLI::App* app, Arguments* arguments) {
  app->add_option("--records", arguments->input.records)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--keys", arguments->input.keys)
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  app->add_option("--partitions", arguments->input.partitions)
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app->add_option("--seed", arguments->input.seed)->capture_default_str();
  app->add_option("--runs", arguments->runs, "Rounds, bare and host by turns")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app->add_option("--series", arguments->series,
                  "Several numbers of records; the host's cost per record for each, nothing bare")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app->add_option("--redis-delay-ms", arguments->redis_delay_ms,
                  "Each round once more with every reply of Redis this much later")
      ->check(CLI::Range(0U, 60'000U));
  app->add_flag("--exactly-once", arguments->exactly_once,
                "Each round once more under delivery: exactly_once");
  app->add_flag("--json", arguments->json, "The last line is one JSON object");
  app->add_option("--host", arguments->programs.host, "millrace")->capture_default_str();
  app->add_option("--stack", arguments->programs.stack, "tests/tools/stack")->capture_default_str();
}

// "commit_interval: 50ms" from --commit-interval 50ms.
void AddSettings(CLI::App* app, HostSettings* settings) {
  for (const std::string name : {"lanes", "commit_interval", "commit_max_effects",
                                 "commit_max_bytes", "cache_bytes", "batch", "isolation"}) {
    std::string option = "--" + name;
    std::replace(option.begin(), option.end(), '_', '-');
    app->add_option_function<std::string>(
        option,
        [settings, name](const std::string& value) {
          settings->function.push_back(name + ": " + value);
        },
        "Passed to the function as " + name);
  }
  app->add_option("--host-setting", settings->host, "\"name: value\" for host; may be repeated");
  app->add_option("--kafka-setting", settings->kafka, "The same for kafka");
}

}  // namespace
}  // namespace millrace::drain

int main(int argc, char** argv) {
  CLI::App app("Measures the host on a full topic, beside a consumer that does nothing");
  try {
    millrace::drain::Arguments arguments;
    millrace::drain::AddOptions(&app, &arguments);
    millrace::drain::AddSettings(&app, &arguments.settings);
    app.parse(argc, argv);
    millrace::bench::HoldSignals();
    millrace::drain::Run(arguments);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : millrace::drain::kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << "drain: " << error.what() << "\n";
    return millrace::drain::kExitFailure;
  }
}
