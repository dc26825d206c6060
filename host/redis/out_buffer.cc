// SPDX-License-Identifier: Apache-2.0
#include "redis/out_buffer.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace millrace::redis {
namespace {

constexpr size_t kInitialBytes = 64 * 1024;
constexpr size_t kKeptBytesMax = 4 * 1024 * 1024;  // more than this is freed when empty
constexpr size_t kLengthBytesMax = 24;             // a mark, 20 digits, CR LF

// "<mark><number>\r\n"
char* WriteLine(char* at, char mark, size_t number) {
  *at++ = mark;
  at = std::to_chars(at, at + kLengthBytesMax - 3, number).ptr;
  *at++ = '\r';
  *at++ = '\n';
  return at;
}

}  // namespace

void OutBuffer::Grow(size_t size) {
  const size_t used = end_ - begin_;
  const size_t wanted = used + size;
  if (wanted <= capacity_ && begin_ >= capacity_ / 2) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, used);
  } else {
    const size_t capacity = std::max({kInitialBytes, capacity_ * 2, wanted});
    std::unique_ptr<char[]> bytes(new char[capacity]);
    if (used > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, used);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = used;
}

void OutBuffer::Consume(size_t size) {
  begin_ += size;
  if (begin_ == end_) Clear();
}

void OutBuffer::Clear() {
  begin_ = end_ = 0;
  if (capacity_ <= kKeptBytesMax) return;
  bytes_.reset();
  capacity_ = 0;
}

CommandWriter& CommandWriter::Begin(size_t argument_count) {
  char* const start = out_->Reserve(kLengthBytesMax);
  out_->Commit(static_cast<size_t>(WriteLine(start, '*', argument_count) - start));
  return *this;
}

CommandWriter& CommandWriter::Arg(std::string_view head, std::string_view tail) {
  const size_t size = head.size() + tail.size();
  char* const start = out_->Reserve(kLengthBytesMax + size + 2);
  char* at = WriteLine(start, '$', size);
  if (!head.empty()) std::memcpy(at, head.data(), head.size());
  at += head.size();
  if (!tail.empty()) std::memcpy(at, tail.data(), tail.size());
  at += tail.size();
  *at++ = '\r';
  *at++ = '\n';
  out_->Commit(static_cast<size_t>(at - start));
  return *this;
}

}  // namespace millrace::redis
