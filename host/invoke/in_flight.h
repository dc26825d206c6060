// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace millrace::invoke {

// 12 hex digits of a library's hash as a number, and back.
uint64_t LibraryNumber(const std::string& hash12);
std::string Hash12Of(uint64_t library);

// What the handler of one instance works on at the moment. The thread that calls the handler writes
// it; any thread reads it. Meant for a call that lasts: of one that ends while it is read, parts
// may be the next one's.
class alignas(64) InFlight {
 public:
  struct Call {
    SteadyTime since = {};
    uint32_t topic = 0;     // index into the task's topics
    int32_t partition = 0;  // -1: an instance is started or stopped
    int64_t offset = 0;     // of a batch that is handled as one, the first
    uint32_t together = 1;  // events of the call, from that one on
  };

  // The library that is called from now on, as a number: see LibraryNumber.
  void SetLibrary(uint64_t library) { library_.store(library, std::memory_order_relaxed); }
  uint64_t library() const { return library_.load(std::memory_order_relaxed); }

  void Begin(const Call& call) {
    topic_.store(call.topic, std::memory_order_relaxed);
    partition_.store(call.partition, std::memory_order_relaxed);
    offset_.store(call.offset, std::memory_order_relaxed);
    together_.store(call.together, std::memory_order_relaxed);
    since_.store(call.since.time_since_epoch().count(), std::memory_order_release);
  }
  void End() { since_.store(kNone, std::memory_order_release); }

  std::optional<Call> Read() const {
    const SteadyTime::rep since = since_.load(std::memory_order_acquire);
    if (since == kNone) return std::nullopt;
    return Call{.since = SteadyTime(SteadyTime::duration(since)),
                .topic = topic_.load(std::memory_order_relaxed),
                .partition = partition_.load(std::memory_order_relaxed),
                .offset = offset_.load(std::memory_order_relaxed),
                .together = together_.load(std::memory_order_relaxed)};
  }

 private:
  static constexpr SteadyTime::rep kNone = -1;

  std::atomic<SteadyTime::rep> since_{kNone};
  std::atomic<uint32_t> topic_{0};
  std::atomic<int32_t> partition_{0};
  std::atomic<int64_t> offset_{0};
  std::atomic<uint32_t> together_{1};
  std::atomic<uint64_t> library_{0};
};

}  // namespace millrace::invoke
