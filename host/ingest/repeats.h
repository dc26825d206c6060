// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/output_id.h"

namespace millrace::ingest {

// Tells repeats of other functions' outputs in one input partition: a source writes its outputs in
// order, so what is not above the highest that was seen of it was seen before. One lane, its
// thread.
class Repeats {
 public:
  struct Mark {
    int64_t offset = 0;
    uint32_t index = 0;
    friend auto operator<=>(const Mark&, const Mark&) = default;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Marks = std::unordered_map<std::string, Mark, Hash, std::equal_to<>>;  // by source

  // False: a repeat. Otherwise it is the highest from now on.
  bool Take(const OutputId& id) {
    const Mark mark{.offset = id.offset, .index = id.index};
    const auto found = marks_.find(id.source.view());
    if (found == marks_.end()) {
      marks_.emplace(id.source.view(), mark);
      return true;
    }
    if (mark <= found->second) return false;
    found->second = mark;
    return true;
  }

  const Marks& marks() const { return marks_; }
  void Clear() { marks_.clear(); }

 private:
  Marks marks_;
};

}  // namespace millrace::ingest
