// SPDX-License-Identifier: Apache-2.0
#include "app/host_functions.h"

#include "app/dry_run.h"

namespace millrace::app {
namespace {

using http::InvokeError;
using http::InvokeErrorKind;

class HostInvoker final : public FunctionInvoker {
 public:
  HostInvoker(const Host* host, std::string function, StoreFactory stores, const Clock* clock)
      : host_(host), function_(std::move(function)), stores_(std::move(stores)), clock_(clock) {}

  http::InvokeResult Invoke(const http::InvokeEvent& event) override;
  void ForgetGone() override;

 private:
  void Forget() {
    run_.reset();
    runner_.reset();
  }

  const Host* host_;
  std::string function_;
  StoreFactory stores_;
  const Clock* clock_;
  std::unique_ptr<DryRun> run_;             // of the generation that ran last
  std::shared_ptr<FunctionRunner> runner_;  // of run_
};

http::InvokeResult HostInvoker::Invoke(const http::InvokeEvent& event) {
  const auto functions = host_->functions();
  const auto found = functions.find(function_);
  if (found == functions.end()) {
    Forget();
    return InvokeError{InvokeErrorKind::kUnknownFunction,
                       "there is no function '" + function_ + "'"};
  }
  const std::shared_ptr<FunctionRunner>& runner = found->second.runner;
  if (!runner) return InvokeError{InvokeErrorKind::kRefused, found->second.reason};
  const RunReport report = runner->Report();
  if (report.state == RunState::kRefused) {
    return InvokeError{InvokeErrorKind::kRefused, report.reason};
  }
  if (!report.generation) {
    return InvokeError{InvokeErrorKind::kNotRunning, "the function is starting"};
  }
  if (runner->isolation() == Isolation::kProcess) return runner->Invoke(event);
  if (!run_ || run_->generation() != report.generation.get() || runner_ != runner) {
    Forget();
    auto made = DryRun::Create(
        {.spec = runner->spec(),
         .generation = report.generation,
         .partitions = [runner](const std::string& topic) { return runner->PartitionCount(topic); },
         .stores = stores_,
         .clock = clock_});
    if (!made) return InvokeError{InvokeErrorKind::kRefused, made.error().message};
    run_ = *std::move(made);
    runner_ = runner;
  }
  return run_->Run(event);
}

// An instance holds its library, its store connection and the runner.
void HostInvoker::ForgetGone() {
  if (!run_) return;
  const auto functions = host_->functions();
  const auto found = functions.find(function_);
  if (found == functions.end() || found->second.runner != runner_) Forget();
}

}  // namespace

bool HostFunctions::Has(const std::string& function) {
  return host_->functions().contains(function);
}

std::unique_ptr<FunctionInvoker> HostFunctions::Make(const std::string& function) {
  return std::make_unique<HostInvoker>(host_, function, stores_, clock_);
}

}  // namespace millrace::app
