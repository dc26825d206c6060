// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>

namespace millrace::sim {

// Records that end the process whose handler has them: some whenever they are handled, some once or
// twice. In half of the seeds. Its randomness is its own, so that the schedules of the other half
// are what they were without it.
class Poison {
 public:
  using At = std::pair<int32_t, int64_t>;  // partition, offset

  explicit Poison(uint64_t seed);

  bool batches() const { return batches_; }         // the handler takes batches
  int max_crashes() const { return max_crashes_; }  // a setting of the hosts
  // Of outages: what would end a process now is to be called again instead.
  void Disarm() { armed_ = false; }
  void Arm() { armed_ = true; }

  void OnProduced(const At& at);
  enum class Effect { kNone, kAgain, kEnds };
  Effect Of(const At& at);
  // The process ended in a call of so many events, of which `at` was to blame.
  void Ended(const At& at, size_t together);
  // What has ended a process whenever it was handled is mended: it never does again.
  void Mend() { deadly_.clear(); }

  // It can never be handled.
  bool IsDeadly(const At& at) const { return deadly_.contains(at); }
  // Deaths that could be charged to it.
  int charged(const At& at) const;
  uint64_t ended_alone() const { return ended_alone_; }
  uint64_t ended_together() const { return ended_together_; }
  const std::set<At>& deadly() const { return deadly_; }
  // Whether one of the partition ends the process now and then: its count takes another's place.
  bool HasFlaky(int32_t partition) const;
  std::string NextId() { return std::to_string(++ids_); }

 private:
  std::mt19937_64 random_;
  bool on_ = false;
  bool batches_ = false;
  int max_crashes_ = 3;
  bool armed_ = true;
  int left_ = 0;    // records that may become poison
  At last_{-1, 0};  // that did
  std::set<At> deadly_;
  std::map<At, int> flaky_;  // how often it still ends the process
  std::map<At, int> charged_;
  uint64_t ended_alone_ = 0;
  uint64_t ended_together_ = 0;
  uint64_t ids_ = 0;
};

}  // namespace millrace::sim
