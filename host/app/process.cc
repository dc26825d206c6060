// SPDX-License-Identifier: Apache-2.0
#include "app/process.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>

#include "app/api_service.h"
#include "app/embedded_backend.h"
#include "app/host_functions.h"
#include "app/lane_child.h"
#include "app/redis_lane_store.h"
#include "app/stop_signals.h"
#include "http/server.h"
#include "process/crash_teller.h"

namespace millrace::app {
namespace {

constexpr int kTickMs = 100;

void Wait(const StopSignals& signals, int directory_fd) {
  std::array<pollfd, 2> fds{pollfd{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                            pollfd{.fd = directory_fd, .events = POLLIN, .revents = 0}};
  poll(fds.data(), fds.size(), kTickMs);
}

// Also when the file that this program was started from has been replaced meanwhile.
LaneProcesses ProcessesOf(const config::HostConfig& config, LaneLimits* limits) {
  return {
      .command = {"/proc/self/exe", kLanesVerb}, .redis_url = config.redis_url, .limits = limits};
}

Result<std::unique_ptr<EmbeddedBackend>> StartEmbedded(config::HostConfig* config, Logger* log) {
  auto embedded = EmbeddedBackend::Start(log);
  if (!embedded) return embedded.error();
  config->kafka["bootstrap.servers"] = (*embedded)->bootstrap();
  config->kafka["allow.auto.create.topics"] = "true";  // the mock knows no other way, and warns
  log->Warn("embedded broker and memory store are not durable: nothing outlives this process");
  return embedded;
}

void Announce(const http::Endpoint& endpoint, const EmbeddedBackend* embedded) {
  std::cout << "HTTP=" << http::ToString(endpoint) << "\n";
  if (embedded) std::cout << "KAFKA=" << embedded->bootstrap() << "\n";
  std::cout.flush();
}

int Drain(Host* host, const StopSignals& signals, const Clock& clock, Millis timeout, Logger* log) {
  log->Info("stopping: every function drains and leaves its group");
  host->BeginStop();
  const SteadyTime by = clock.Now() + timeout;
  while (!host->stopped()) {
    if (signals.Take() > 0) {
      log->Warn("told to stop again: ends at once");
      _exit(kExitFailure);
    }
    if (clock.Now() >= by) {
      log->Error("not drained within " + std::to_string(timeout.count()) +
                 " ms: ends all the same; what is not committed will run again");
      _exit(kExitFailure);
    }
    host->Step();
    Wait(signals, -1);
  }
  log->Info("stopped");
  return kExitDone;
}

int RunHost(ProcessOptions options, Logger* log) {
  const StopSignals signals;
  const SystemClock clock;
  config::HostConfig& config = options.config;
  ApiService api;
  auto server = http::Server::Start(
      {.listen = {config.http.address, config.http.port}, .limits = {}, .timeouts = {}}, api, *log);
  if (!server) {
    log->Error(server.error().message);
    return kExitConfiguration;
  }
  const http::Endpoint endpoint = (*server)->endpoint();
  if (config.id.empty()) config.id = HostName() + "-" + std::to_string(endpoint.port);

  std::unique_ptr<EmbeddedBackend> embedded;
  Result<StoreFactory> stores = StoreFactory();
  if (options.backend == Backend::kEmbedded) {
    auto made = StartEmbedded(&config, log);
    if (!made) {
      log->Error(made.error().message);
      return kExitFailure;
    }
    embedded = *std::move(made);
    stores = embedded->Stores(config.namespace_name);
  } else {
    stores = RedisStores(config.redis_url, config.namespace_name, &clock);
  }
  if (!stores) {
    log->Error(stores.error().message);
    return kExitConfiguration;
  }
  const Millis drain_timeout = config.drain_timeout;
  std::optional<LaneProcesses> processes;  // what is embedded lives in this one
  LaneLimits limits;
  if (!embedded) processes = ProcessesOf(config, &limits);
  auto host = Host::Open({.config = config,
                          .mode = options.mode,
                          .processes = std::move(processes),
                          .in_flight_dir = embedded ? "" : config.cache_dir + "/in-flight",
                          .store = *stores,
                          .transactions = embedded == nullptr,
                          .log = log,
                          .clock = &clock,
                          .before_start = [&](const FunctionSpec& spec) {
                            if (embedded) embedded->CreateTopics(spec, log);
                          }});
  if (!host) {
    log->Error(host.error().message);
    return kExitConfiguration;
  }
  HostFunctions invokable(host->get(), *stores, &clock);
  Invocations invocations(&invokable);
  api.Attach(host->get(), &invocations);
  log->Info("host " + config.id + " listens on " + http::ToString(endpoint));
  Announce(endpoint, embedded.get());

  while (signals.Take() == 0) {
    (*host)->Step();
    Wait(signals, (*host)->fd());
  }
  const int code = Drain(host->get(), signals, clock, drain_timeout, log);
  (*server)->Stop();
  if (!invocations.Stop()) {
    log->Warn("a handler that was invoked over HTTP still runs: ends without it");
    _exit(code);
  }
  api.Attach(nullptr, nullptr);
  return code;
}

}  // namespace

std::string HostName() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

int RunProcess(ProcessOptions options, Logger* log) {
  static process::Culprit culprit;  // outlives every thread
  process::TellCrashes(&culprit);
  const int code = RunHost(std::move(options), log);
  process::AllowExit();
  return code;
}

}  // namespace millrace::app
