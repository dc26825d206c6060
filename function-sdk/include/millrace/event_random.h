// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {
inline namespace sdk {
namespace detail {

// The random numbers of one event, the same whenever and wherever it runs: SplitMix64 (Steele, Lea
// and Flood, "Fast splittable pseudorandom number generators", 2014), seeded with the 64-bit FNV-1a
// hash of "function/topic/partition/offset". Hosts and the test kit make them; handlers ask the
// context.
class EventRandom {
 public:
  EventRandom() = default;
  EventRandom(std::string_view function, std::string_view topic, int32_t partition,
              int64_t offset) {
    Hash(function);
    Hash("/");
    Hash(topic);
    Hash("/");
    Hash(std::to_string(partition));
    Hash("/");
    Hash(std::to_string(offset));
  }

  uint64_t Next() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }

 private:
  void Hash(std::string_view text) {
    for (const char c : text) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }

  uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace detail
}  // namespace sdk
}  // namespace millrace
