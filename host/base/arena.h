// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "base/slice.h"

namespace millrace {

// Bump allocator for bytes that live as long as one batch or one unit. Addresses are stable until
// Clear, which keeps the first block. Not thread-safe; owned by one lane.
class Arena {
 public:
  explicit Arena(size_t block_bytes = 64 * 1024) : block_bytes_(block_bytes) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  // Copies the bytes; null stays null.
  Slice Copy(Slice bytes) {
    if (bytes.is_null()) return {};
    if (bytes.size() == 0) return std::string_view("");
    char* to = Allocate(bytes.size());
    std::memcpy(to, bytes.data(), bytes.size());
    return {to, bytes.size()};
  }

  char* Allocate(size_t size) {
    used_bytes_ += size;
    if (size > left_) AddBlock(size);
    char* at = next_;
    next_ += size;
    left_ -= size;
    return at;
  }

  size_t used_bytes() const { return used_bytes_; }

  void Clear() {
    if (blocks_.size() > 1) blocks_.resize(1);
    next_ = blocks_.empty() ? nullptr : blocks_[0].bytes.get();
    left_ = blocks_.empty() ? 0 : blocks_[0].size;
    used_bytes_ = 0;
  }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size;
  };

  void AddBlock(size_t at_least) {
    const size_t size = at_least > block_bytes_ ? at_least : block_bytes_;
    blocks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
    next_ = blocks_.back().bytes.get();
    left_ = size;
  }

  size_t block_bytes_;
  std::vector<Block> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t used_bytes_ = 0;
};

}  // namespace millrace
