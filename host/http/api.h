// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/function_status.h"
#include "http/invoke.h"
#include "http/rollback.h"

namespace millrace::http {

struct Liveness {
  enum class State { kAlive, kStuck };
  State state = State::kAlive;
  std::string reason;  // when stuck
};

// Ready when there are no reasons against it.
struct Readiness {
  std::vector<std::string> reasons;
};

struct VersionInfo {
  std::string version;
  std::string abi;                                             // of the function ABI, "major.minor"
  std::vector<std::pair<std::string, std::string>> libraries;  // name → version
};

// The port through which the server asks the host. The app implements it; it must outlive the
// server. Every call but the callback comes from the server's one thread, so all of them return
// at once and wait for nothing: neither network nor a lane.
class Api {
 public:
  virtual ~Api() = default;

  virtual Liveness GetLiveness() = 0;
  virtual Readiness GetReadiness() = 0;
  virtual std::string RenderMetrics() = 0;  // Prometheus text
  virtual VersionInfo GetVersion() = 0;
  virtual std::vector<FunctionStatus> ListFunctions() = 0;  // by name
  virtual std::optional<FunctionStatus> GetFunction(std::string_view name) = 0;

  // Begins a rollback; it is done when the function's status says so.
  virtual RollbackResult RollBack(const RollbackRequest& request) = 0;

  // Runs the handler on another thread, without writing anything, and calls back from any thread,
  // once (more calls are ignored). The server gives up after its time-out and closes the
  // connection; the callback is then still safe to call, also after the server has gone. The
  // implementation bounds how many invocations wait and answers kBusy above that.
  virtual void Invoke(InvokeRequest request, InvokeCallback callback) = 0;
};

}  // namespace millrace::http
