// SPDX-License-Identifier: Apache-2.0
// replay: the real lane over records in memory, without broker and store, for counting
// instructions.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>

#include "function/library_object.h"
#include "invoke/host_table.h"
#include "lane/lane.h"
#include "ports.h"

namespace millrace::replay {
namespace {

const std::string kTopic = "replay.in";
constexpr int kStepsMax = 10'000'000;

template <class T>
T Value(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

// Nothing is to be told: every event is done, no task changes.
class Strict final : public lane::LaneObserver {
  void HandlerLogged(uint32_t, std::string_view text, const std::string& at) override {
    throw std::runtime_error(at + ": " + std::string(text));
  }
  void EventNotDone(invoke::Outcome, const std::string& message) override {
    throw std::runtime_error(message);
  }
  void TaskChanged(const std::string& message) override { throw std::runtime_error(message); }
};

// The private copy of the library lies here.
class Folder {
 public:
  Folder() {
    if (!mkdtemp(path_.data())) throw std::runtime_error("cannot make " + path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "millrace-replay-XXXXXX").string();
};

std::shared_ptr<const Generation> Load(const std::string& file, const std::string& folder) {
  function::LibraryCache cache(folder);
  function::OpenRequest request;
  request.library = Value(function::Library::Load(
      Value(function::Library::Check(Value(function::ReadLibrary(file)), &cache))));
  request.host = invoke::HandlerTable();
  request.function = "replay";
  return Value(function::OpenGeneration(std::move(request)));
}

struct Arguments {
  int64_t records = 100'000;
  int64_t keys = 20'000;
  bool exactly_once = false;
  std::string library;
};

lane::LaneSettings Settings(Delivery delivery) {
  lane::LaneSettings settings;
  settings.function = "replay";
  settings.group = "millrace.default.replay";
  settings.owner = "mr.default.replay.host.0";
  settings.delivery = delivery;
  settings.outputs = {"replay.out"};
  return settings;
}

void Replay(const Arguments& arguments) {
  const Folder folder;
  const auto generation = Load(arguments.library, folder.path());
  const Delivery delivery =
      arguments.exactly_once ? Delivery::kExactlyOnce : Delivery::kAtLeastOnce;
  const lane::LaneSettings settings = Settings(delivery);
  ManualClock clock;
  ReplayedRecords records(arguments.records, arguments.keys, &clock);
  ReplayedStore store(
      Value(redis::KeySpace::Create("default", "replay", lane::StatesOf(*generation))));
  ReplayedOutputs sink;
  ReplayedTransactions transactions;
  ReplayedGroup group(kTopic);
  Strict observer;
  observe::LaneCounters counters;
  uint64_t epochs = 0;
  lane::LanePorts ports{.records = &records,
                        .outputs = &sink,
                        .group = &group,
                        .transactions = arguments.exactly_once ? &transactions : nullptr,
                        .store = &store,
                        .reader = &store,
                        .observer = &observer,
                        .counters = &counters,
                        .clock = &clock,
                        .new_epoch = [&] {
                          const std::string number = std::to_string(++epochs);
                          return std::string(32 - number.size(), '0') + number;
                        }};
  const auto lane = Value(lane::Lane::Create(settings, std::move(ports), generation));
  for (int32_t partition = 0; partition < kPartitions; ++partition) {
    lane->Assign({.partition = partition,
                  .partition_count = kPartitions,
                  .topics = {{.topic = kTopic, .filter = {}}}});
  }
  const auto outputs = [&] {
    return arguments.exactly_once ? transactions.outputs() : sink.outputs();
  };
  for (int steps = 0; store.applied() < arguments.records || outputs() < arguments.records;) {
    const SteadyTime before = clock.Now();
    if (lane->Step(before) > before) clock.Advance(Millis(1));
    if (++steps == kStepsMax) throw std::runtime_error("the lane does not get to the end");
  }
  if (outputs() != arguments.records) throw std::runtime_error("more outputs than records");
  std::cout << arguments.records << " records, " << Name(delivery) << ": " << store.commits()
            << " commits, " << store.bytes() << " bytes to the store" << std::endl;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("The record path over records in memory, without broker and store");
  app.add_option("--records", arguments.records)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--keys", arguments.keys)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--exactly-once", arguments.exactly_once);
  app.add_option("library", arguments.library, "function library of drain")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    Replay(arguments);
  } catch (const std::exception& error) {
    std::cerr << "replay: " << error.what() << std::endl;
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace millrace::replay

int main(int argc, char** argv) { return millrace::replay::Main(argc, argv); }
