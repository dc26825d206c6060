// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace::redis {

// Bytes that wait to be sent, written at the end and taken from the front. Grows by doubling; gives
// its memory back when it runs empty after a burst. One thread.
class OutBuffer {
 public:
  // Room for at least `size` bytes at the end; Commit says how many of them were written.
  char* Reserve(size_t size) {
    if (capacity_ - end_ < size) Grow(size);
    return bytes_.get() + end_;
  }
  void Commit(size_t size) { end_ += size; }

  std::string_view unsent() const { return {bytes_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  void Consume(size_t size);
  void Clear();

 private:
  void Grow(size_t size);

  std::unique_ptr<char[]> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

// Writes commands as Redis reads them (an array of bulk strings), straight into the buffer: one
// pass, no argument vectors. Begin says how many Arg and Number calls follow.
class CommandWriter {
 public:
  explicit CommandWriter(OutBuffer* out) : out_(out) {}

  CommandWriter& Begin(size_t argument_count);
  CommandWriter& Arg(std::string_view bytes) { return Arg(bytes, {}); }
  CommandWriter& Arg(std::string_view head, std::string_view tail);  // one argument in two parts
  CommandWriter& Number(std::integral auto number) {
    char digits[kDigitsMax];
    const char* end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return Arg({digits, static_cast<size_t>(end - digits)});
  }

 private:
  static constexpr size_t kDigitsMax = 20;  // of 64 bits, with a sign

  OutBuffer* out_;
};

}  // namespace millrace::redis
