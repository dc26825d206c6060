// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "redis/out_buffer.h"
#include "redis/redis_url.h"
#include "redis/reply_parser.h"
#include "redis/scripts.h"

namespace millrace::redis {

// What is said on a new connection before anything else: log in, choose the database, load the
// scripts, ask how durable this Redis is. One pipeline, one round trip. Pure: no socket, no time.
class Handshake {
 public:
  explicit Handshake(RedisUrl url) : url_(std::move(url)) {}

  // Writes the commands, forgets what an earlier connection said; returns how many replies follow.
  size_t Begin(OutBuffer* out);
  // Takes the next reply. A failure ends the connection; its text is fit for logs.
  Status OnReply(Reply reply);

  const ScriptNames& script_names() const { return script_names_; }
  // Why this Redis must not hold state; set once all replies are there.
  const std::optional<Error>& refusal() const { return refusal_; }
  // What an operator should know about the durability of this Redis.
  std::vector<std::string> Warnings() const;

 private:
  enum class Step { kAuth, kSelect, kLoad, kEviction, kAppendOnly, kAppendSync, kSave };

  Status OnLoaded(Reply reply);
  void OnSetting(Step step, Reply reply);

  RedisUrl url_;
  std::vector<Step> steps_;
  size_t answered_ = 0;
  size_t loaded_ = 0;
  ScriptNames script_names_;
  std::optional<Error> refusal_;
  std::string unchecked_;  // the first error of CONFIG GET
  std::string append_only_;
  std::string append_sync_;
  std::string save_;
};

}  // namespace millrace::redis
