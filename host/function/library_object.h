// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "function/library.h"
#include "model/handler.h"

namespace millrace::function {

struct OpenRequest {
  std::shared_ptr<const Library> library;
  // What handlers may call. size, version, config and refuse are filled in here.
  mr_host host{};
  std::map<std::string, std::string> config;  // dotted path → scalar as text, subtree as JSON
  std::string function;                       // for messages
  int number = 1;                             // of the generation, from 1 per function
};

// Calls the library's open() and gives the generation that lanes run. The library object is closed
// when the last reference to the generation (or its keep_alive) goes, on the thread that drops it;
// until then the host table, the config and the library live. An open() that fails or refuses is
// kFatal with the library's own words; nothing is left open. Runs code of the library on the
// calling thread. The result may be used from any thread.
Result<std::shared_ptr<const Generation>> OpenGeneration(OpenRequest request);

// Runs the test that the library makes of itself, if it has one: kFatal with its words when it
// fails. Code of the library, which can do to this process whatever it likes: see Probe.
Status RunSelfTest(const std::shared_ptr<const Library>& library);

}  // namespace millrace::function
