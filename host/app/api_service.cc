// SPDX-License-Identifier: Apache-2.0
#include "app/api_service.h"

#include <millrace/abi.h>

#include <algorithm>
#include <limits>

#include "app/function_view.h"
#include "observe/exposition.h"

namespace millrace::app {

void ApiService::Attach(const Host* host, Invocations* invocations) {
  host_ = host;
  invocations_ = invocations;
}

std::map<std::string, HostedFunction> ApiService::Functions() const {
  const Host* host = host_;
  return host ? host->functions() : std::map<std::string, HostedFunction>{};
}

http::Readiness ApiService::GetReadiness() {
  http::Readiness readiness;
  const Host* host = host_;
  if (!host) {
    readiness.reasons.emplace_back("the host is starting");
    return readiness;
  }
  readiness.reasons = host->problems();
  for (const auto& [name, function] : Functions()) {
    for (std::string& reason : ReasonsAgainst(name, function)) {
      readiness.reasons.push_back(std::move(reason));
    }
  }
  return readiness;
}

std::string ApiService::RenderMetrics() {
  observe::MetricsSnapshot snapshot;
  snapshot.version = kVersion;
  if (GetReadiness().reasons.empty()) snapshot.ready = observe::ReadyState::kReady;
  const int64_t now = SystemClock().UnixMillis();
  for (const auto& [name, function] : Functions()) {
    snapshot.functions.push_back(MetricsOf(name, function, now));
  }
  return observe::RenderMetrics(snapshot);
}

http::VersionInfo ApiService::GetVersion() { return GetVersionInfo(); }

std::vector<http::FunctionStatus> ApiService::ListFunctions() {
  std::vector<http::FunctionStatus> all;
  for (const auto& [name, function] : Functions()) all.push_back(StatusOf(name, function));
  return all;
}

std::optional<http::FunctionStatus> ApiService::GetFunction(std::string_view name) {
  const auto functions = Functions();
  const auto found = functions.find(std::string(name));
  if (found == functions.end()) return std::nullopt;
  return StatusOf(found->first, found->second);
}

http::RollbackResult ApiService::RollBack(const http::RollbackRequest& request) {
  using http::RollbackError;
  using http::RollbackErrorKind;
  const auto functions = Functions();
  const auto found = functions.find(request.function);
  if (found == functions.end()) return RollbackError{RollbackErrorKind::kUnknownFunction, ""};
  const auto& runner = found->second.runner;
  if (!runner) return RollbackError{RollbackErrorKind::kNotRunning, found->second.reason};
  constexpr uint64_t kNumberMax = std::numeric_limits<int>::max();
  std::optional<int> to;
  if (request.to) to = static_cast<int>(std::min(*request.to, kNumberMax));
  const auto rollback = runner->RollBack(to);
  if (!rollback) {
    return RollbackError{rollback.error().error_class == ErrorClass::kRetriable
                             ? RollbackErrorKind::kNotRunning
                             : RollbackErrorKind::kNoGeneration,
                         rollback.error().message};
  }
  http::RollbackResponse response;
  if (rollback->from != 0) response.from = static_cast<uint64_t>(rollback->from);
  response.to = {.number = static_cast<uint64_t>(rollback->to), .hash = rollback->hash12};
  return response;
}

void ApiService::Invoke(http::InvokeRequest request, http::InvokeCallback callback) {
  if (Invocations* invocations = invocations_) {
    invocations->Add(std::move(request), std::move(callback));
    return;
  }
  callback(http::InvokeError{http::InvokeErrorKind::kNotRunning, "the host is starting"});
}

http::VersionInfo GetVersionInfo() {
  return {.version = kVersion,
          .abi = std::to_string(MR_ABI_MAJOR) + "." + std::to_string(MR_ABI_MINOR),
          .libraries = {}};
}

}  // namespace millrace::app
