// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <hiredis/hiredis.h>

#include <cstdlib>
#include <cstring>
#include <regex>

#include "bench/kafka/check.h"

namespace millrace::drain {
namespace {

constexpr const char* kValues = ":s:totals";
constexpr const char* kScanCount = "1000";

void FreeReply(redisReply* reply) { freeReplyObject(reply); }

}  // namespace

RedisAddress ParseRedisUrl(const std::string& url) {
  const std::regex form("redis://([^:/@]+):([0-9]+)(/([0-9]*))?");
  std::smatch parts;
  bench::Require(std::regex_match(url, parts, form),
                 "REDIS must be redis://host:port/database, without a password");
  return {.host = parts[1],
          .port = std::atoi(parts.str(2).c_str()),
          .database = std::atoi(parts.str(4).c_str())};
}

Store::Store(const std::string& url) : context_(nullptr, redisFree) {
  const RedisAddress address = ParseRedisUrl(url);
  context_.reset(redisConnect(address.host.c_str(), address.port));
  bench::Require(context_ && context_->err == 0, "cannot connect to " + url);
  Command({"SELECT", std::to_string(address.database)});
}

Store::~Store() = default;

Store::Reply Store::Command(const std::vector<std::string>& words) {
  std::vector<const char*> argv;
  std::vector<size_t> sizes;
  for (const std::string& word : words) {
    argv.push_back(word.data());
    sizes.push_back(word.size());
  }
  Reply reply(static_cast<redisReply*>(redisCommandArgv(
                  context_.get(), static_cast<int>(argv.size()), argv.data(), sizes.data())),
              FreeReply);
  bench::Require(reply != nullptr, "Redis does not answer " + words[0]);
  bench::Require(reply->type != REDIS_REPLY_ERROR,
                 "Redis refuses " + words[0] + ": " + (reply->str ? reply->str : ""));
  return reply;
}

double Store::InfoNumber(const std::string& section, const std::string& field) {
  const Reply reply = Command({"INFO", section});
  const std::string text(reply->str, reply->len);
  const size_t at = text.find("\n" + field + ":");
  bench::Require(at != std::string::npos, "Redis tells no " + field);
  return std::strtod(text.c_str() + at + field.size() + 2, nullptr);
}

double Store::CpuSeconds() {
  double seconds = 0;
  for (const char* field :
       {"used_cpu_user", "used_cpu_sys", "used_cpu_user_children", "used_cpu_sys_children"}) {
    seconds += InfoNumber("cpu", field);
  }
  return seconds;
}

int64_t Store::MemoryBytes() { return static_cast<int64_t>(InfoNumber("memory", "used_memory")); }

int64_t Store::Applied(const std::vector<std::string>& tasks, const std::string& topic) {
  int64_t applied = 0;
  for (const std::string& task : tasks) {
    const Reply reply = Command({"HGET", task + ":task", "applied:" + topic});
    if (reply->type == REDIS_REPLY_STRING) applied += std::strtoll(reply->str, nullptr, 10);
  }
  return applied;
}

Totals Store::SumTotals(const std::vector<std::string>& tasks) {
  Totals all;
  for (const std::string& task : tasks) {
    std::string cursor = "0";
    do {
      const Reply page = Command({"HSCAN", task + kValues, cursor, "COUNT", kScanCount});
      cursor = page->element[0]->str;
      const redisReply& entries = *page->element[1];
      for (size_t i = 1; i < entries.elements; i += 2) {
        int64_t total[2];
        bench::Require(entries.element[i]->len == sizeof(total),
                       "a stored total is not 16 bytes long");
        std::memcpy(total, entries.element[i]->str, sizeof(total));
        all.keys += 1;
        all.count += total[0];
        all.sum += total[1];
      }
    } while (cursor != "0");
  }
  return all;
}

void Store::Remove(const std::vector<std::string>& tasks) {
  for (const std::string& task : tasks) {
    Command({"UNLINK", task + ":task", task + ":r", task + kValues});
  }
}

}  // namespace millrace::drain
