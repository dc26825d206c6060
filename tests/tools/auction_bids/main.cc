// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>

#include "base/clock.h"
#include "bid_producer.h"
#include "bid_stream.h"
#include "pacer.h"
#include "recount.h"
#include "stop_signal.h"

namespace auction_bids {
namespace {

using millrace::Millis;
using millrace::Status;

constexpr Millis kTick{5};
constexpr Millis kFlushMax{30'000};
constexpr int64_t kBurst = 1'000;  // bids between two looks at the clock and the signals
constexpr int64_t kRateMax = 10'000'000;

struct Options {
  uint64_t seed = 1;
  int64_t rate = 0;
  int64_t count = 0;
  std::string bootstrap;
  std::string topic = "bids";
  std::string recount;
};

// Where the bids go: a topic, or standard output.
class Sink {
 public:
  explicit Sink(std::unique_ptr<BidProducer> producer) : producer_(std::move(producer)) {}
  Status Send(const Bid& bid, const std::string& json) {
    if (producer_) return producer_->Send(std::to_string(bid.auction), json);
    std::cout << json << '\n';
    return std::cout ? Status() : Status(millrace::Fatal("standard output is closed"));
  }
  void Wait() {
    if (!producer_) std::cout.flush();
    if (producer_) return producer_->Poll(kTick);
    const timespec tick{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(kTick).count()};
    nanosleep(&tick, nullptr);  // a signal ends it
  }
  Status Finish() {
    if (producer_) return producer_->Flush(kFlushMax);
    std::cout.flush();
    return {};
  }

 private:
  std::unique_ptr<BidProducer> producer_;
};

Status Feed(const Options& options, const StopSignal& stop, Sink* sink, Recount* recount) {
  const millrace::SystemClock clock;
  BidStream stream(options.seed);
  Pacer pacer(options.rate);
  const auto left = [&] {
    return options.count == 0 ? kBurst : std::min(kBurst, options.count - recount->bids());
  };
  while (!stop.asked() && left() > 0) {
    const int64_t due = std::min(pacer.Due(clock.Now(), recount->bids()), left());
    for (int64_t i = 0; i < due; ++i) {
      const Bid bid = stream.Next();
      const std::string json = ToJson(bid);
      if (Status sent = sink->Send(bid, json); !sent) return sent;
      recount->Add(bid, json);
    }
    if (due < kBurst && left() > 0) sink->Wait();
  }
  return sink->Finish();
}

std::string Summary(const Options& options, const Recount& recount, double seconds) {
  std::array<char, 320> text{};
  std::snprintf(text.data(), text.size(),
                "{\"bids\":%lld,\"auctions\":%lld,\"checksum\":\"%016llx\",\"seed\":%llu,"
                "\"seconds\":%.3f}",
                static_cast<long long>(recount.bids()), static_cast<long long>(recount.auctions()),
                static_cast<unsigned long long>(recount.checksum()),
                static_cast<unsigned long long>(options.seed), seconds);
  return text.data();
}

int Fail(const millrace::Error& error) {
  std::cerr << "auction-bids: " << error.message << '\n';
  return 1;
}

int Run(const Options& options) {
  const StopSignal stop;
  std::unique_ptr<BidProducer> producer;
  if (!options.bootstrap.empty()) {
    auto connected = BidProducer::Connect(options.bootstrap, options.topic);
    if (!connected) return Fail(connected.error());
    producer = std::move(*connected);
  }
  const bool to_topic = producer != nullptr;
  Sink sink(std::move(producer));
  Recount recount;
  const auto start = std::chrono::steady_clock::now();
  if (Status fed = Feed(options, stop, &sink, &recount); !fed) return Fail(fed.error());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (!options.recount.empty()) {
    if (Status written = recount.Write(options.recount); !written) return Fail(written.error());
  }
  // With the bids on standard output, the last word must not be one of them.
  (to_topic ? std::cout : std::cerr) << Summary(options, recount, took.count()) << '\n';
  return 0;
}

}  // namespace
}  // namespace auction_bids

int main(int argc, char** argv) {
  auction_bids::Options options;
  CLI::App app(
      "Makes a stream of auction bids in the proportions of the Nexmark benchmark, the "
      "same for the same seed.\nWithout --bootstrap one bid per line goes to standard "
      "output. Ends with one line of JSON: its own recount.");
  app.add_option("--seed", options.seed, "which stream")->capture_default_str();
  app.add_option("--rate", options.rate, "bids per second; 0: as fast as possible")
      ->check(CLI::Range(int64_t{0}, auction_bids::kRateMax))
      ->capture_default_str();
  app.add_option("--count", options.count, "bids in all; 0: until SIGINT or SIGTERM")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--bootstrap", options.bootstrap, "HOST:PORT of a Kafka broker to produce to");
  app.add_option("--topic", options.topic, "existing topic, keyed by auction")
      ->capture_default_str();
  app.add_option("--recount", options.recount,
                 "file for what the function bids should have made of the stream, one auction per "
                 "line");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return auction_bids::Run(options);
}
