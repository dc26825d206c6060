// SPDX-License-Identifier: Apache-2.0
#include "observe/limited_log.h"

#include <utility>

namespace millrace::observe {
namespace {
constexpr std::string_view kSharedKey = "";  // of all keys above kKeysMax
}

std::optional<uint64_t> RateLimiter::Admit(std::string_view key, SteadyTime now) {
  Budget& budget = BudgetOf(key, now);
  if (now - budget.since >= rate_.interval) {
    budget.since = now;
    budget.lines = 0;
  }
  if (budget.lines >= rate_.lines) {
    ++budget.suppressed;
    return std::nullopt;
  }
  ++budget.lines;
  return std::exchange(budget.suppressed, 0);
}

RateLimiter::Budget& RateLimiter::BudgetOf(std::string_view key, SteadyTime now) {
  if (const auto found = budgets_.find(key); found != budgets_.end()) return found->second;
  const std::string_view name = budgets_.size() < kKeysMax ? key : kSharedKey;
  return budgets_.try_emplace(std::string(name), Budget{.since = now}).first->second;
}

void LimitedLog::Log(std::string_view key, LogLevel level, std::string_view message) {
  std::optional<uint64_t> suppressed;
  {
    const std::lock_guard lock(mutex_);
    suppressed = limit_.Admit(key, clock_.Now());
  }
  if (!suppressed) return;
  if (*suppressed == 0) {
    to_.Log(level, message);
  } else {
    to_.Log(level, message, {{"suppressed", std::to_string(*suppressed)}});
  }
}

}  // namespace millrace::observe
