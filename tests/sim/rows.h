// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::sim {

// The rows of the crash table (docs/guarantees.md), counted by how often the schedules hit them.
enum class Row {
  kBeforeStore,
  kReplyLost,
  kBeforePublished,
  kAfterPublished,
  kZombie,
  kStoreWentBack,
  kStoreLost,
  kOffsetsReset,
  kRetention,
  kPartitionCount,
  kTransactionTimesOut,
  kCrashWithRedo,
  kRedoTakenOver,
  kWentBackWithRedo,
  kPoisonAlone,
  kPoisonTogether,
  kPutAside,
  kPoisonStops,
};
inline constexpr size_t kRows = 18;
inline constexpr std::array<std::string_view, kRows> kRowNames = {
    "crash before the store got the commit",
    "the store applied it, the reply is lost",
    "crash after the store, before or inside the transaction",
    "crash after the transaction, before anything else",
    "zombie goes on",
    "the store went back in time behind what is published",
    "the store lost everything",
    "the group's offsets were reset",
    "retention passed applied",
    "the partition count changed",
    "a transaction call times out",
    "crash between a deferred write and its cell",
    "a new owner takes over what waits for its cell",
    "the store went back to a time with deferred writes",
    "a record ends the process",
    "one of several that are handled in one call ends the process",
    "a record that ends the process too often is put aside",
    "a function without a store stops at such a record"};

struct RowCounts {
  std::array<uint64_t, kRows> hits{};
  void Hit(Row row) { ++hits[static_cast<size_t>(row)]; }
  void Add(const RowCounts& other) {
    for (size_t i = 0; i < kRows; ++i) hits[i] += other.hits[i];
  }
};

}  // namespace millrace::sim
