// SPDX-License-Identifier: Apache-2.0
#include "app/function_lookup.h"

#include <poll.h>

#include <chrono>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "app/suggestion.h"
#include "base/clock.h"
#include "config/suggestion.h"

namespace millrace::app {
namespace {

constexpr Millis kSettleMax{500};  // a file that was written just now counts a moment later
constexpr int kTickMs = 50;

std::vector<FunctionSpec> OnlyNamed(const std::vector<FunctionSpec>& functions,
                                    const std::string& name, std::set<std::string>* names) {
  std::vector<FunctionSpec> named;
  for (const FunctionSpec& spec : functions) {
    names->insert(spec.name);
    if (spec.name == name) named.push_back(spec);
  }
  return named;
}

Error Unknown(const std::string& name, const std::set<std::string>& names,
              const std::map<std::string, std::string>& problems) {
  const std::vector<std::string_view> known(names.begin(), names.end());
  std::string text = "there is no function \"" + name +
                     "\" in the configuration or its functions_dir" +
                     config::DidYouMean(name, known);
  for (const auto& [file, reason] : problems) {
    text.append("; ").append(file).append(": ").append(reason);
  }
  return Poison(text);
}

}  // namespace

function::ProbeSettings ProbeByThisProgram() {
  // Also when the file that it was started from has been replaced meanwhile.
  return {.command = {"/proc/self/exe", kProbeVerb}};
}

function::DirectoryOptions DirectoryOptionsOf(const config::HostConfig& config,
                                              function::CatalogMode mode) {
  return {.watch = {.directory = config.functions_dir},
          .admission = {.cache_dir = config.cache_dir,
                        .owner = mode == function::CatalogMode::kRun ? function::OwnerCheck::kRefuse
                                                                     : function::OwnerCheck::kWarn,
                        .signatures = {.required = config.trust.require, .keys = config.trust.keys},
                        .probe = ProbeByThisProgram()},
          .mode = mode,
          .read_yaml = [name = config.namespace_name](
                           const std::string& path) -> Result<std::vector<FunctionSpec>> {
            auto functions = config::LoadFunctions(path, name);
            if (functions) return *std::move(functions);
            std::string errors;
            for (const config::ConfigError& error : functions.error()) {
              errors += (errors.empty() ? "" : "\n") + config::ToString(error);
            }
            return Fatal(errors);
          },
          .suggest =
              [name = config.namespace_name](const function::CheckedCopy& library) {
                return SuggestedSpec(library, name);
              }};
}

Result<FoundFunction> FindFunction(const config::HostConfig& config, const std::string& name) {
  std::set<std::string> names;
  function::DirectoryOptions options = DirectoryOptionsOf(config, function::CatalogMode::kRun);
  options.read_yaml =
      [&, read = options.read_yaml](const std::string& path) -> Result<std::vector<FunctionSpec>> {
    const auto functions = read(path);
    if (!functions) return functions.error();
    return OnlyNamed(*functions, name, &names);
  };
  auto directory = function::FunctionDirectory::Open(std::move(options));
  if (!directory) return directory.error();
  (*directory)->Declare("the main configuration", OnlyNamed(config.functions, name, &names));
  std::map<std::string, std::string> problems;  // the newest, by function or file
  const SteadyTime until = std::chrono::steady_clock::now() + kSettleMax;
  do {
    for (function::CatalogEvent& event : (*directory)->Poll()) {
      if (event.function == name && event.candidate.library) {
        return FoundFunction{std::move(event.spec), event.candidate.library};
      }
      problems[event.function == name ? name : event.file] = event.reason;
    }
    pollfd changed{.fd = (*directory)->fd(), .events = POLLIN, .revents = 0};
    poll(&changed, 1, kTickMs);
  } while (std::chrono::steady_clock::now() < until || (*directory)->probing());
  if (problems.contains(name)) return Fatal("function " + name + ": " + problems[name]);
  return Unknown(name, names, problems);
}

}  // namespace millrace::app
