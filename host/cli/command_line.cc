// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "app/api_service.h"
#include "app/function_lookup.h"
#include "app/lane_child.h"
#include "app/process.h"
#include "app/state_rebuild.h"
#include "cli/function_command.h"
#include "cli/inspect_command.h"
#include "cli/invoke_command.h"
#include "config/config.h"
#include "function/probe_child.h"
#include "observe/log.h"

namespace millrace::cli {
namespace {

// What later versions will take; asked for today, it is refused by name.
constexpr const char* kLaterCommands[] = {"submit", "redrive"};

int PrintErrors(const config::ConfigErrors& errors) {
  for (const config::ConfigError& error : errors) std::cerr << config::ToString(error) << "\n";
  return app::kExitConfiguration;
}

int NotAvailable(const std::string& what) {
  std::cerr << "millrace: " << what << " is not available in this version\n";
  return app::kExitConfiguration;
}

int Run(const std::string& config_path, LogLevel level) {
  auto config = config::LoadConfig(config_path);
  if (!config) return PrintErrors(config.error());
  const auto log = observe::MakeStderrLogger(level);
  return app::RunProcess({.config = *std::move(config)}, log.get());
}

struct RunArguments {
  std::string config_path;
  bool attach = false;
};

int CheckAndRun(const CLI::App& run, const RunArguments& arguments, LogLevel level) {
  if (arguments.attach) return NotAvailable("--attach");
  if (!run.remaining().empty() || arguments.config_path.empty()) {
    std::cerr << "millrace run: wants -c FILE or FOLDER, and nothing else\n";
    return app::kExitUsage;
  }
  return Run(arguments.config_path, level);
}

struct DevArguments {
  std::string directory = "./functions";
  std::string http;
};

int Dev(const DevArguments& arguments, LogLevel level) {
  config::HostConfig config;
  config.functions_dir = arguments.directory;
  if (!arguments.http.empty()) {
    const auto listen = config::ParseListen(arguments.http);
    if (!listen) {
      std::cerr << "millrace dev: --http wants ADDRESS:PORT, not " << arguments.http << "\n";
      return app::kExitUsage;
    }
    config.http = *listen;
  }
  const auto log = observe::MakeStderrLogger(level);
  return app::RunProcess({.config = std::move(config),
                          .mode = function::CatalogMode::kDev,
                          .backend = app::Backend::kEmbedded},
                         log.get());
}

int Check(const std::string& config_path) {
  const auto config = config::LoadConfig(config_path);
  if (!config) return PrintErrors(config.error());
  std::cout << "ok: " << config->functions.size() << " functions\n";
  return app::kExitDone;
}

// `millrace state VERB`; of the verbs there is one.
struct StateCommand {
  CLI::App* state = nullptr;
  CLI::App* rebuild = nullptr;
  std::string config_path;
  std::string function;
  bool yes = false;
};

void AddStateCommand(CLI::App* program, StateCommand* command) {
  command->state = program->add_subcommand("state", "Work on the state of a function");
  command->state->prefix_command();  // what follows another verb is not looked at
  command->rebuild = command->state->add_subcommand(
      "rebuild", "Throw the state of a function away and make it again from its input");
  CLI::App* rebuild = command->rebuild;
  rebuild->add_option("-c,--config", command->config_path, "YAML file, or a folder of them")
      ->required();
  rebuild->add_option("function", command->function, "Name of the function")->required();
  rebuild->add_flag("--yes", command->yes, "Do not ask before anything is removed");
}

int State(const StateCommand& command, LogLevel level) {
  const auto others = command.state->remaining();
  if (!*command.rebuild && !others.empty()) return NotAvailable("state " + others.front());
  if (!*command.rebuild || !others.empty() || !command.rebuild->remaining().empty()) {
    std::cerr << "millrace state: wants rebuild -c FILE or FOLDER, and one FUNCTION\n";
    return app::kExitUsage;
  }
  auto config = config::LoadConfig(command.config_path);
  if (!config) return PrintErrors(config.error());
  const auto log = observe::MakeStderrLogger(level);
  using app::Confirmation;
  return app::RebuildState(
      {.config = *std::move(config),
       .function = command.function,
       .confirmation = command.yes ? Confirmation::kGiven : Confirmation::kAsk},
      log.get());
}

// `millrace function VERB`.
struct FunctionCommand {
  CLI::App* function = nullptr;
  CLI::App* inspect = nullptr;
  CLI::App* list = nullptr;
  CLI::App* history = nullptr;
  CLI::App* rollback = nullptr;
  std::string file;
  FunctionArguments arguments;
};

void AddFunctionCommand(CLI::App* program, FunctionCommand* command) {
  command->function =
      program->add_subcommand("function", "Look at function libraries, and go back to former ones");
  command->function->prefix_command();  // what follows another verb is not looked at
  command->inspect = command->function->add_subcommand(
      "inspect", "Tell what a library says of itself, and whether a host would take it");
  command->inspect->add_option("file", command->file, "The library")->required();
  FunctionArguments& arguments = command->arguments;
  command->list =
      command->function->add_subcommand("list", "What the functions of a running host do");
  command->history = command->function->add_subcommand(
      "history", "Which libraries came for a function, and what became of them");
  command->rollback = command->function->add_subcommand(
      "rollback", "Run a former library of a function again, until another one comes");
  for (CLI::App* verb : {command->list, command->history, command->rollback}) {
    verb->add_option("--server", arguments.server, "HTTP address of the host")
        ->capture_default_str();
    if (verb == command->list) continue;
    verb->add_option("function", arguments.function, "Name of the function")->required();
  }
  command->rollback->add_option("--to", arguments.to,
                                "Its generation, from history; default: the one that ran before");
}

int Function(const FunctionCommand& command) {
  const auto others = command.function->remaining();
  const auto verbs = command.function->get_subcommands();
  if (verbs.empty() && !others.empty()) return NotAvailable("function " + others.front());
  if (verbs.size() != 1 || !others.empty() || !verbs.front()->remaining().empty()) {
    std::cerr << "millrace function: wants inspect FILE, list, history NAME or rollback NAME\n";
    return app::kExitUsage;
  }
  if (*command.inspect) return Inspect(command.file);
  if (*command.list) return ListFunctions(command.arguments);
  if (*command.history) return ShowHistory(command.arguments);
  return RollBack(command.arguments);
}

// Started by hosts alone; its end runs nothing of the library that was loaded.
void AddProbeCommand(CLI::App* program, function::ProbeArguments* arguments) {
  CLI::App* probe = program->add_subcommand(app::kProbeVerb, "The child of a probe")->group("");
  probe->add_option("copy", arguments->copy)->required();
  probe->add_option("file", arguments->file)->required();
  probe->add_option("parent", arguments->parent)->required();
}

// Started by hosts alone.
void AddLanesCommand(CLI::App* program, int* parent) {
  CLI::App* lanes =
      program->add_subcommand(app::kLanesVerb, "The lanes of one function")->group("");
  lanes->add_option("parent", *parent)->required();
}

int Version() {
  const http::VersionInfo version = app::GetVersionInfo();
  std::cout << "millrace " << version.version << ", function ABI " << version.abi << "\n";
  return app::kExitDone;
}

void AddInvokeOptions(CLI::App* command, InvokeArguments* arguments) {
  command->add_option("function", arguments->function, "Name of the function")->required();
  command->add_option("--server", arguments->server, "HTTP address of the host")
      ->capture_default_str();
  command->add_option("--key", arguments->key, "Key of the event; without it, null");
  command
      ->add_option("--value", arguments->value,
                   "Value of the event; @FILE reads a file, - standard input")
      ->capture_default_str();
  command->add_flag("--tombstone", arguments->tombstone, "The value is null");
  command->add_option("--header", arguments->headers, "NAME=VALUE; may be repeated");
  command->add_option("--topic", arguments->topic, "Input topic; default the function's first");
  command->add_option("--partition", arguments->partition, "Default: where the key's state is");
  command->add_option("--timestamp", arguments->timestamp_ms, "Event time in Unix milliseconds");
}

}  // namespace

int Main(int argc, char** argv) {
  CLI::App program{"millrace: a function host for stream-triggered handlers"};
  program.require_subcommand(0, 1);
  std::string level_name = "info";
  program.add_option("--log-level", level_name, "debug, info, warn or error")
      ->capture_default_str();

  RunArguments run_arguments;
  auto* run = program.add_subcommand("run", "Run the functions of a configuration");
  run->add_option("-c,--config", run_arguments.config_path, "YAML file, or a folder of them");
  run->add_flag("--attach", run_arguments.attach, "Not available in this version")->group("");
  run->allow_extras();

  DevArguments dev_arguments;
  auto* dev = program.add_subcommand(
      "dev", "Run a folder of functions on an embedded broker and store; nothing lasts");
  dev->add_option("directory", dev_arguments.directory, "Folder with libraries and YAML")
      ->capture_default_str();
  dev->add_option("--http", dev_arguments.http, "ADDRESS:PORT; port 0 is any free one");

  std::string checked_path;
  auto* check = program.add_subcommand("check", "Check a configuration and print every error");
  check->add_option("-c,--config", checked_path, "YAML file, or a folder of them")->required();

  InvokeArguments invoke_arguments;
  auto* invoke =
      program.add_subcommand("invoke", "Invoke a function of a running host; nothing is written");
  AddInvokeOptions(invoke, &invoke_arguments);

  StateCommand state;
  AddStateCommand(&program, &state);

  FunctionCommand function_command;
  AddFunctionCommand(&program, &function_command);
  function::ProbeArguments probe;
  AddProbeCommand(&program, &probe);
  int lanes_parent = 0;
  AddLanesCommand(&program, &lanes_parent);

  auto* version = program.add_subcommand("version", "Print the version");

  for (const char* later : kLaterCommands) {
    program.add_subcommand(later, "Not available in this version")->group("")->prefix_command();
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = program.exit(error);
    return code == 0 ? app::kExitDone : app::kExitUsage;
  }
  const auto level = observe::ParseLogLevel(level_name);
  if (!level) {
    std::cerr << "millrace: --log-level wants debug, info, warn or error\n";
    return app::kExitUsage;
  }
  for (const char* later : kLaterCommands) {
    if (program.got_subcommand(later)) return NotAvailable(later);
  }
  if (*run) return CheckAndRun(*run, run_arguments, *level);
  if (*dev) return Dev(dev_arguments, *level);
  if (*check) return Check(checked_path);
  if (*invoke) return Invoke(invoke_arguments);
  if (*state.state) return State(state, *level);
  if (*function_command.function) return Function(function_command);
  if (program.got_subcommand(app::kLanesVerb)) _exit(app::RunLanes(lanes_parent));
  if (program.got_subcommand(app::kProbeVerb)) _exit(function::RunProbe(probe));
  if (*version) return Version();
  std::cerr << program.help();
  return app::kExitUsage;
}

}  // namespace millrace::cli
