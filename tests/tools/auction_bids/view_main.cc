// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "board.h"
#include "recount.h"
#include "stats_reader.h"
#include "stop_signal.h"

namespace auction_bids {
namespace {

using millrace::Millis;
using millrace::Status;
using millrace::SteadyTime;

constexpr Millis kReadWait{100};
constexpr Millis kTopicWait{30'000};
constexpr Millis kEndWait{30'000};
constexpr Millis kTerminalFrame{1'000};
constexpr Millis kPlainFrame{2'000};

struct Options {
  std::string bootstrap;
  std::string topic = "auction-stats";
  std::string recount;
};

// Prints frames: over the last one on a terminal, below it elsewhere.
class Screen {
 public:
  explicit Screen(SteadyTime now) : last_(now) {}

  void Show(Board* board, SteadyTime now) {
    if (now - last_ < (terminal_ ? kTerminalFrame : kPlainFrame)) return;
    const std::vector<std::string> lines =
        board->Frame(std::chrono::duration<double>(now - last_).count());
    if (terminal_ && lines_ > 0) std::cout << "\x1b[" << lines_ << "A\x1b[J";
    for (const std::string& line : lines) std::cout << line << '\n';
    if (!terminal_) std::cout << '\n';
    std::cout.flush();
    lines_ = lines.size();
    last_ = now;
  }

 private:
  const bool terminal_ = isatty(STDOUT_FILENO) == 1;
  SteadyTime last_;
  size_t lines_ = 0;
};

Status ReadOnce(StatsReader* reader, Board* board) {
  auto values = reader->Read(kReadWait);
  if (!values) return values.error();
  for (const std::string& value : *values) {
    if (Status taken = board->Take(value); !taken) return taken;
  }
  return {};
}

Status ReadToEnd(StatsReader* reader, Board* board) {
  if (Status marked = reader->MarkEnd(); !marked) return marked;
  const auto until = std::chrono::steady_clock::now() + kEndWait;
  while (!reader->Reached()) {
    if (std::chrono::steady_clock::now() > until) {
      return millrace::Fatal("the outputs cannot be read to their end within 30 s");
    }
    if (Status read = ReadOnce(reader, board); !read) return read;
  }
  return {};
}

millrace::Result<bool> CompareWith(const std::string& path, StatsReader* reader, Board* board) {
  if (Status read = ReadToEnd(reader, board); !read) return read.error();
  const auto recount = ReadRecount(path);
  if (!recount) return recount.error();
  const Comparison comparison = Compare(board->Texts(), *recount);
  for (const std::string& line : comparison.lines) std::cout << line << '\n';
  return comparison.equal;
}

// True unless a comparison was asked for and found a difference.
millrace::Result<bool> View(const Options& options) {
  const StopSignal stop;
  auto reader = StatsReader::Open(options.bootstrap, options.topic, kTopicWait);
  if (!reader) return reader.error();
  Board board;
  Screen screen(std::chrono::steady_clock::now());
  while (!stop.asked()) {
    if (Status read = ReadOnce(reader->get(), &board); !read) return read.error();
    screen.Show(&board, std::chrono::steady_clock::now());
    if (!options.recount.empty() && std::filesystem::exists(options.recount)) {
      return CompareWith(options.recount, reader->get(), &board);
    }
  }
  if (options.recount.empty()) return true;
  return millrace::Fatal("stopped before " + options.recount + " was there: nothing is compared");
}

}  // namespace
}  // namespace auction_bids

int main(int argc, char** argv) {
  auction_bids::Options options;
  CLI::App app(
      "Shows the hottest auctions from the outputs of the function bids, until SIGINT or "
      "SIGTERM.");
  app.add_option("--bootstrap", options.bootstrap, "HOST:PORT of a Kafka broker")->required();
  app.add_option("--topic", options.topic, "where the function's outputs are")
      ->capture_default_str();
  app.add_option(
      "--recount", options.recount,
      "once this file of auction-bids is there: read the topic to its end, compare every "
      "auction, exit 0 if all are equal and 1 if not");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto equal = auction_bids::View(options);
  if (!equal) {
    std::cerr << "auction-bids-view: " << equal.error().message << '\n';
    return 1;
  }
  return *equal ? 0 : 1;
}
