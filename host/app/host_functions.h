// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "app/host.h"
#include "app/invocations.h"
#include "app/lane_store.h"

namespace millrace::app {

// The functions of a host, invoked by dry runs of whatever generation runs at the moment. `host`
// and `clock` outlive it and the invokers that it makes.
class HostFunctions final : public InvokableFunctions {
 public:
  HostFunctions(const Host* host, StoreFactory stores, const Clock* clock)
      : host_(host), stores_(std::move(stores)), clock_(clock) {}

  bool Has(const std::string& function) override;
  std::unique_ptr<FunctionInvoker> Make(const std::string& function) override;

 private:
  const Host* host_;
  StoreFactory stores_;
  const Clock* clock_;
};

}  // namespace millrace::app
