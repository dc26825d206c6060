// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "bench/kafka/check.h"
#include "bench/kafka/topics.h"
#include "follow.h"
#include "report.h"

namespace millrace::load {
namespace {

using boost::json::object;

constexpr int64_t kRateMax = 10'000'000;
constexpr int64_t kSecondsMax = 86'400;
constexpr int64_t kRecordsMax = 1'000'000'000'000;
constexpr int64_t kFeedDelayNs = 100'000'000;

void AddBrokers(CLI::App* app, std::string* brokers) {
  app->add_option("--brokers", *brokers, "HOST:PORT,...")->envname("KAFKA")->required();
}

void AddTopic(CLI::App* app, const char* name, std::string* topic, const char* what) {
  app->add_option(name, *topic, what)->required();
}

void AddCell(CLI::App* app, Cell* cell) {
  const std::map<std::string, Cell> names = {{"aggregate", Cell::kAggregate},
                                             {"pass-through", Cell::kPassThrough}};
  app->add_option("--cell", *cell, "What the engine does: aggregate or pass-through")
      ->required()
      ->transform(CLI::CheckedTransformer(names));
}

void AddRecord(CLI::App* app, RecordSpec* record) {
  app->add_option("--keys", record->keys)
      ->check(CLI::Range(int64_t{1}, bench::kKeysMax))
      ->capture_default_str();
  app->add_option("--bytes", record->bytes, "Of key and value together")
      ->check(CLI::Range(kRecordBytesMin, kRecordBytesMax))
      ->capture_default_str();
  app->add_option("--seed", record->seed)->capture_default_str();
}

void AddRate(CLI::App* app, int64_t* rate) {
  app->add_option("--rate", *rate, "Records per second")
      ->check(CLI::Range(int64_t{1}, kRateMax))
      ->required();
}

void AddFirstTag(CLI::App* app, int64_t* first_tag) {
  app->add_option("--first-tag", *first_tag, "Index of the first record")
      ->check(CLI::Range(int64_t{0}, kRecordsMax))
      ->capture_default_str();
}

void AddFillOptions(CLI::App* app, FillSpec* spec) {
  app->add_option("--partitions", spec->partitions)
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app->add_option("--records", spec->records)
      ->check(CLI::Range(int64_t{0}, kRecordsMax))
      ->required();
  AddRecord(app, &spec->record);
  AddFirstTag(app, &spec->first_tag);
  app->add_option("--sequential-until", spec->record.sequential_until,
                  "Records of a lower index get key index mod keys; the others any")
      ->capture_default_str();
  app->add_flag_callback(
      "--sequential", [spec] { spec->record.sequential_until = INT64_MAX; },
      "All of them do: as many records as keys load each key once");
}

Verb AddFill(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("fill", "Fill a topic; tells what right outputs are");
  const auto spec = std::make_shared<FillSpec>();
  AddBrokers(verb, &spec->brokers);
  AddTopic(verb, "--topic", &spec->topic, "Made if it is absent");
  AddFillOptions(verb, spec.get());
  return {verb, [spec] { return ToJson(Fill(*spec)); }};
}

Verb AddExpect(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("expect", "What fill tells, without a broker");
  const auto spec = std::make_shared<FillSpec>();
  verb->add_option("--brokers", spec->brokers, "Not used");
  verb->add_option("--topic", spec->topic, "Not used");
  AddFillOptions(verb, spec.get());
  return {verb, [spec] { return ToJson(Expect(*spec)); }};
}

Verb AddCheck(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("check", "Sum up the outputs of an engine");
  const auto spec = std::make_shared<CheckSpec>();
  AddBrokers(verb, &spec->brokers);
  AddTopic(verb, "--topic", &spec->topic, "Read from its beginning to where it ends now");
  AddCell(verb, &spec->cell);
  verb->add_option("--patience-seconds", spec->patience_seconds,
                   "How long an open transaction is waited for")
      ->check(CLI::Range(int64_t{0}, kSecondsMax))
      ->capture_default_str();
  return {verb, [spec] { return ToJson(spec->cell, CheckTopic(*spec)); }};
}

Verb AddPace(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("pace", "Latency of an engine at a fixed rate");
  const auto spec = std::make_shared<PaceSpec>();
  AddBrokers(verb, &spec->brokers);
  AddTopic(verb, "--input", &spec->input, "The engine reads it");
  AddTopic(verb, "--output", &spec->output, "The engine writes it");
  AddCell(verb, &spec->cell);
  AddRate(verb, &spec->rate);
  verb->add_option("--seconds", spec->seconds, "How long it sends, warm-up included")
      ->check(CLI::Range(int64_t{1}, kSecondsMax))
      ->capture_default_str();
  verb->add_option("--warmup-seconds", spec->warmup_seconds)
      ->check(CLI::Range(int64_t{0}, kSecondsMax))
      ->capture_default_str();
  AddRecord(verb, &spec->record);
  verb->final_callback([spec] {
    if (spec->warmup_seconds < spec->seconds) return;
    throw CLI::ValidationError("--warmup-seconds", "must be less than --seconds");
  });
  return {verb, [spec] { return ToJson(*spec, Pace(*spec)); }};
}

Verb AddLoop(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("loop", "Copy a topic by librdkafka alone");
  const auto spec = std::make_shared<LoopSpec>();
  const std::map<std::string, Delivery> names = {{"at_least_once", Delivery::kAtLeastOnce},
                                                 {"exactly_once", Delivery::kExactlyOnce}};
  AddBrokers(verb, &spec->brokers);
  AddTopic(verb, "--input", &spec->input, "Read from its beginning");
  AddTopic(verb, "--output", &spec->output, "Made if it is absent, with as many partitions");
  verb->add_option("--delivery", spec->delivery, "at_least_once or exactly_once")
      ->required()
      ->transform(CLI::CheckedTransformer(names));
  verb->add_option("--commit-interval-ms", spec->commit_interval_ms)
      ->check(CLI::Range(int64_t{1}, int64_t{60'000}))
      ->capture_default_str();
  spec->group = "bench-loop";
  verb->add_option("--group", spec->group, "Offsets are committed to it")->capture_default_str();
  verb->add_flag("--as-host", spec->as_host,
                 "Records as millrace writes them: timestamp kept, an id in a header, a call each");
  verb->add_flag("--until-end", spec->until_end,
                 "Ends where the input ends at the start; else by SIGTERM");
  return {verb, [spec] { return ToJson(Loop(*spec)); }};
}

object Bare(bench::BareSpec spec, int64_t record_bytes) {
  const auto ranges = bench::Retained(spec.bootstrap, spec.topic);
  spec.partitions = static_cast<int>(ranges.size());
  spec.records = bench::CountOffsets(ranges);
  spec.bytes = spec.records * record_bytes;
  bench::Require(spec.records > 0, spec.topic + " is empty; fill it first");
  return {{"records", spec.records},
          {"batches", ToJson(bench::ConsumeInBatches(spec))},
          {"poll", ToJson(bench::ConsumeByPoll(spec))}};
}

Verb AddBare(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("bare", "Read a topic by librdkafka alone");
  const auto spec = std::make_shared<bench::BareSpec>();
  const auto bytes = std::make_shared<int64_t>(0);
  AddBrokers(verb, &spec->bootstrap);
  AddTopic(verb, "--input", &spec->topic, "One that fill has made");
  verb->add_option("--bytes", *bytes, "What each record must have; 0: any")->capture_default_str();
  return {verb, [spec, bytes] { return Bare(*spec, *bytes); }};
}

object Feed(PacedSpec spec) {
  spec.schedule.start_ns = NowNs() + kFeedDelayNs;
  return ToJson(spec, SendPaced(spec, [] { return bench::TakeInterruption(); }));
}

Verb AddFeed(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("feed", "Send at a fixed rate until SIGTERM");
  const auto spec = std::make_shared<PacedSpec>();
  AddBrokers(verb, &spec->brokers);
  AddTopic(verb, "--input", &spec->topic, "Must be there");
  AddRate(verb, &spec->schedule.rate);
  AddRecord(verb, &spec->record);
  AddFirstTag(verb, &spec->first_index);
  verb->add_flag_callback(
      "--intended-times", [spec] { spec->tags = Tags::kIntendedTime; },
      "Tags are times on CLOCK_MONOTONIC in ns, as those of pace; else indexes");
  return {verb, [spec] { return Feed(*spec); }};
}

Verb AddFollow(CLI::App* app) {
  CLI::App* verb = app->add_subcommand("follow", "Tell when outputs come, until SIGTERM");
  const auto spec = std::make_shared<FollowSpec>();
  AddBrokers(verb, &spec->brokers);
  AddTopic(verb, "--topic", &spec->topic, "Read from where it ends now");
  AddCell(verb, &spec->cell);
  return {verb, [spec]() -> object {
            const auto stop = [] { return bench::TakeInterruption(); };
            return {{"received", Follow(*spec, stop, &std::cout)}};
          }};
}

}  // namespace

std::vector<Verb> AddVerbs(CLI::App* app) {
  return {AddFill(app), AddExpect(app), AddCheck(app), AddPace(app),
          AddLoop(app), AddBare(app),   AddFeed(app),  AddFollow(app)};
}

}  // namespace millrace::load
