// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/logger.h"
#include "config/config.h"

namespace millrace::app {

enum class Confirmation {
  kAsk,    // on the terminal; refused where there is none
  kGiven,  // on the command line
};

struct StateRebuildOptions {
  config::HostConfig config;
  std::string function;
  Confirmation confirmation = Confirmation::kAsk;
};

// Throws the state of one function away and makes it again: checks first that it can be made again
// and that nobody works on it, removes the function's keys, then runs the function alone in this
// process, from the first record that its inputs hold to the end that they had when it began. What
// the group says is published is not written again. Ends by draining and leaving the group.
//
// Prints progress and refusals on standard error; returns the exit code. SIGTERM or SIGINT drains
// and ends it; a second one ends it at once. Whenever it ends before its time, the function has
// either a state that goes on from where it came to, or one that every host refuses to run on. Call
// it once, from the main thread, before any other thread exists.
int RebuildState(StateRebuildOptions options, Logger* log);

}  // namespace millrace::app
