// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commit/transactions.h"

namespace millrace::fakes {

// A lane's transactions: kept, and committed when a test says so.
class FakeTransactions final : public commit::Transactions {
 public:
  std::vector<commit::TransactionRequest> requests;  // in order

  bool under_way() const { return under_way_; }

  void Commit() {
    under_way_ = false;
    reply_ = commit::TransactionReply();
    reply_->number = requests.back().number;
  }

  void StartFence(const std::string& owner, uint64_t request) override {
    fenced_ = commit::FenceReply{.owner = owner, .request = request, .done = true, .detail = ""};
  }
  bool PollFence(commit::FenceReply* reply) override { return Take(&fenced_, reply); }
  void StartTransaction(commit::TransactionRequest request) override {
    under_way_ = true;
    requests.push_back(std::move(request));
  }
  bool PollTransaction(commit::TransactionReply* reply) override { return Take(&reply_, reply); }

 private:
  template <class Reply>
  static bool Take(std::optional<Reply>* from, Reply* reply) {
    if (!*from) return false;
    *reply = *std::exchange(*from, std::nullopt);
    return true;
  }

  bool under_way_ = false;
  std::optional<commit::TransactionReply> reply_;
  std::optional<commit::FenceReply> fenced_;
};

}  // namespace millrace::fakes
