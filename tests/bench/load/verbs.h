// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <vector>

namespace millrace::load {

// A sub-command: does its work after the command line is read, and answers what is to be printed.
struct Verb {
  CLI::App* app = nullptr;
  std::function<boost::json::object()> run;
};

std::vector<Verb> AddVerbs(CLI::App* app);

}  // namespace millrace::load
