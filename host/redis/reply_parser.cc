// SPDX-License-Identifier: Apache-2.0
#include "redis/reply_parser.h"

#include <hiredis/read.h>

#include <new>

namespace millrace::redis {
namespace {

constexpr size_t kIdleBufferBytes = 1024 * 1024;  // kept by the reader between replies

ReplyNode::Type TypeOf(int type) {
  switch (type) {
    case REDIS_REPLY_STATUS:
      return ReplyNode::Type::kStatus;
    case REDIS_REPLY_ERROR:
      return ReplyNode::Type::kError;
    default:
      return ReplyNode::Type::kString;
  }
}

}  // namespace

// hiredis takes any non-null pointer for "object made"; the nodes themselves are the result.
struct ReplyParser::Callbacks {
  static ReplyParser& Parser(const redisReadTask* task) {
    return *static_cast<ReplyParser*>(task->privdata);
  }
  static void* Made(const redisReadTask* task) { return task->privdata; }

  static void* String(const redisReadTask* task, char* bytes, size_t size) {
    ReplyParser& parser = Parser(task);
    parser.nodes_.push_back(
        {.type = TypeOf(task->type), .text = parser.arena_->Copy({bytes, size})});
    return Made(task);
  }
  template <class Count>  // int in hiredis 0.14, size_t since 1.0
  static void* Array(const redisReadTask* task, Count elements) {
    Parser(task).nodes_.push_back(
        {.type = ReplyNode::Type::kArray, .text = {}, .elements = static_cast<uint32_t>(elements)});
    return Made(task);
  }
  static void* Integer(const redisReadTask* task, long long value) {
    Parser(task).nodes_.push_back(
        {.type = ReplyNode::Type::kInteger, .text = {}, .integer = value});
    return Made(task);
  }
  static void* Nil(const redisReadTask* task) {
    Parser(task).nodes_.push_back({});
    return Made(task);
  }
  static void Free(void*) {}

  // By name: later versions of hiredis have more members, for types that RESP2 does not have.
  static redisReplyObjectFunctions Table() {
    redisReplyObjectFunctions functions{};
    functions.createString = String;
    functions.createArray = Array;
    functions.createInteger = Integer;
    functions.createNil = Nil;
    functions.freeObject = Free;
    return functions;
  }
  // hiredis asks for a mutable table and never writes to it.
  static inline redisReplyObjectFunctions table = Table();
};

void ReplyParser::FreeReader::operator()(redisReader* reader) const { redisReaderFree(reader); }

ReplyParser::ReplyParser() { Reset(); }
ReplyParser::~ReplyParser() = default;

void ReplyParser::Reset() {
  reader_.reset(redisReaderCreateWithFunctions(&Callbacks::table));
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = this;
  reader_->maxbuf = kIdleBufferBytes;
  nodes_.clear();
}

void ReplyParser::Feed(std::string_view bytes) {
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    throw std::bad_alloc();
  }
}

bool ReplyParser::has_unparsed() const { return reader_->pos < reader_->len; }

Result<Reply> ReplyParser::Next(Arena* arena) {
  if (reader_->ridx < 0) nodes_.clear();  // not inside a reply
  arena_ = arena;
  void* made = nullptr;
  if (redisReaderGetReply(reader_.get(), &made) != REDIS_OK) {
    return Retriable(std::string("not the Redis protocol: ") + reader_->errstr);
  }
  return made == nullptr ? Reply() : Reply(nodes_);
}

}  // namespace millrace::redis
