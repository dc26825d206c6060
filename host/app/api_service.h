// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "app/host.h"
#include "app/invocations.h"
#include "http/api.h"

namespace millrace::app {

inline constexpr const char* kVersion = MILLRACE_VERSION;

// What the HTTP surface asks of a host, answered from reports that are a moment old.
class ApiService final : public http::Api {
 public:
  ApiService() = default;

  // The server starts before the host, whose id holds the port. Both are set once, before the
  // first function starts, and outlive the service.
  void Attach(const Host* host, Invocations* invocations);

  http::Liveness GetLiveness() override { return {}; }
  http::Readiness GetReadiness() override;
  std::string RenderMetrics() override;
  http::VersionInfo GetVersion() override;
  std::vector<http::FunctionStatus> ListFunctions() override;
  std::optional<http::FunctionStatus> GetFunction(std::string_view name) override;
  http::RollbackResult RollBack(const http::RollbackRequest& request) override;
  void Invoke(http::InvokeRequest request, http::InvokeCallback callback) override;

 private:
  std::map<std::string, HostedFunction> Functions() const;

  std::atomic<const Host*> host_{nullptr};
  std::atomic<Invocations*> invocations_{nullptr};
};

http::VersionInfo GetVersionInfo();

}  // namespace millrace::app
