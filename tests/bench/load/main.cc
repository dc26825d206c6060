// SPDX-License-Identifier: Apache-2.0
// bench_load: load and proof for the comparison of engines; README.md here.
#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <iostream>

#include "bench/kafka/check.h"
#include "verbs.h"

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Fills topics, checks the outputs of an engine and measures beside it");
  app.require_subcommand(1);
  const auto verbs = millrace::load::AddVerbs(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  try {
    millrace::bench::HoldSignals();
    for (const auto& verb : verbs) {
      if (verb.app->parsed()) std::cout << boost::json::serialize(verb.run()) << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_load: " << error.what() << "\n";
    return kExitFailure;
  }
}
