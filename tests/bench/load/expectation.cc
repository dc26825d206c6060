// SPDX-License-Identifier: Apache-2.0
#include "expectation.h"

#include <array>

namespace millrace::load {
namespace {

constexpr size_t kFinalBytes = 16;

}  // namespace

void Expectation::Add(const RecordHead& head, const char* key, const char* value,
                      size_t value_bytes) {
  Running& running = totals_[static_cast<size_t>(head.key)];
  ++running.count;
  running.sum += head.amount;
  const auto total = Total{.count = running.count, .sum = running.sum, .tag = head.tag}.Bytes();
  aggregate_.Add(key, bench::kKeyBytes, total.data(), total.size());
  pass_through_.Add(key, bench::kKeyBytes, value, value_bytes);
  ++records_;
}

Expected Expectation::Result() const {
  Expected expected{.records = records_,
                    .keys_used = 0,
                    .pass_through_digest = pass_through_.Hex(),
                    .aggregate_digest = aggregate_.Hex(),
                    .aggregate_final_digest = {}};
  Digest final_digest;
  std::array<char, bench::kKeyBytes> key;
  for (size_t i = 0; i < totals_.size(); ++i) {
    if (totals_[i].count == 0) continue;
    ++expected.keys_used;
    bench::WriteKey(i, key.data());
    AddFinal(key.data(), totals_[i].count, totals_[i].sum, &final_digest);
  }
  expected.aggregate_final_digest = final_digest.Hex();
  return expected;
}

void AddFinal(const char* key, int64_t count, int64_t sum, Digest* digest) {
  const auto total = Total{.count = count, .sum = sum, .tag = 0}.Bytes();
  digest->Add(key, bench::kKeyBytes, total.data(), kFinalBytes);
}

}  // namespace millrace::load
