// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct redisContext;
struct redisReply;

namespace millrace::drain {

struct RedisAddress {
  std::string host;
  int port = 6379;
  int database = 0;
};

// redis://host:port/database; throws on anything else, a password included.
RedisAddress ParseRedisUrl(const std::string& url);

struct Totals {
  int64_t keys = 0;
  int64_t count = 0;
  int64_t sum = 0;
};

// Looks at Redis from outside, by docs/state-layout.md. One connection; throws on every failure.
class Store {
 public:
  explicit Store(const std::string& url);
  ~Store();

  double CpuSeconds();  // user and system, with the children that rewrite the append-only file
  int64_t MemoryBytes();

  // `task` is the tag {mr:<namespace>:<function>:<partition>}.
  int64_t Applied(const std::vector<std::string>& tasks, const std::string& topic);
  Totals SumTotals(const std::vector<std::string>& tasks);
  void Remove(const std::vector<std::string>& tasks);

 private:
  using Reply = std::unique_ptr<redisReply, void (*)(redisReply*)>;
  Reply Command(const std::vector<std::string>& words);
  double InfoNumber(const std::string& section, const std::string& field);

  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

}  // namespace millrace::drain
