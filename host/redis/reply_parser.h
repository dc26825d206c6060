// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/slice.h"

struct redisReader;

namespace millrace::redis {

struct ReplyNode {
  enum class Type : uint8_t { kString, kStatus, kError, kInteger, kNil, kArray };
  Type type = Type::kNil;
  Slice text;             // kString, kStatus, kError; null otherwise
  int64_t integer = 0;    // kInteger
  uint32_t elements = 0;  // kArray: its elements follow, each with what it holds
};

// One whole reply, flat: the first node is the reply, elements follow in the order of the wire.
using Reply = std::span<const ReplyNode>;

// Cuts the byte stream of a connection into replies (hiredis' reader, at most 7 levels deep, its
// objects replaced by nodes in one reused vector and bytes in the caller's arena: no allocation per
// element). Knows no socket. One thread.
class ReplyParser {
 public:
  ReplyParser();
  ~ReplyParser();
  ReplyParser(const ReplyParser&) = delete;
  ReplyParser& operator=(const ReplyParser&) = delete;

  // Copies the bytes. Fails only without memory.
  void Feed(std::string_view bytes);
  // The next whole reply, or an empty one when more bytes are needed. Its texts lie in `arena`,
  // which must be the same from a reply's first byte to its last; its nodes are valid until the
  // next call. Fails when the bytes are no Redis protocol: then only Reset helps.
  Result<Reply> Next(Arena* arena);
  bool has_unparsed() const;
  void Reset();

 private:
  struct Callbacks;
  struct FreeReader {
    void operator()(redisReader* reader) const;
  };

  std::unique_ptr<redisReader, FreeReader> reader_;
  std::vector<ReplyNode> nodes_;
  Arena* arena_ = nullptr;
};

}  // namespace millrace::redis
