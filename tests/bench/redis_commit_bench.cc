// SPDX-License-Identifier: Apache-2.0
// What a unit costs: pipelined commits of one lane's tasks against a running Redis, with or without
// a read of every key before. Prints effects per second and CPU seconds per million effects of this
// process and of Redis (INFO cpu), and the time Redis takes per script (INFO commandstats).
#include <hiredis/hiredis.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "redis/redis_store.h"

namespace millrace::redis {
namespace {

struct Options {
  std::string url;
  size_t units = 8'000;
  size_t effects_per_unit = 500;
  size_t keys_per_task = 25'000;
  int tasks = 4;
  size_t value_bytes = 16;
  size_t units_in_flight = 8;
  bool read = false;
  bool maps = false;
  size_t redo_units = 0;   // how long an entry of the redo is kept; 0: none
  size_t redo_writes = 0;  // cells that a unit writes beside its entry
};

using Plain = std::unique_ptr<redisContext, decltype(&redisFree)>;

std::string Ask(redisContext* plain, const char* command) {
  auto* reply = static_cast<redisReply*>(redisCommand(plain, command));
  std::string text = reply && reply->str ? std::string(reply->str, reply->len) : "";
  if (reply) freeReplyObject(reply);
  return text;
}

double Field(const std::string& info, const std::string& name) {
  const size_t at = info.find(name);
  return at == std::string::npos ? 0 : std::atof(info.c_str() + at + name.size());
}

double RedisCpu(redisContext* plain) {
  const std::string info = Ask(plain, "INFO cpu");
  return Field(info, "used_cpu_sys:") + Field(info, "used_cpu_user:");
}

double OwnCpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Bench {
 public:
  explicit Bench(Options options)
      : options_(std::move(options)), value_(options_.value_bytes, 'v') {
    for (size_t i = 0; i < options_.keys_per_task; ++i) keys_.push_back("key-" + std::to_string(i));
    const auto kind = options_.maps ? state::StateKind::kMap : state::StateKind::kValue;
    auto created = RedisStore::Create(&io_, &clock_,
                                      {.url = *ParseRedisUrl(options_.url),
                                       .ca_file = {},
                                       .name_space = "bench",
                                       .function = "bench",
                                       .states = {{kind, "totals"}},
                                       .times = {},
                                       .on_progress = {}});
    store_ = std::move(*created);
    while (!store_->connected()) io_.run_one();
    seqs_.resize(static_cast<size_t>(options_.tasks));
    for (int task = 0; task < options_.tasks; ++task) {
      store_->StartAcquire({task, epoch_, "mr.bench", "bench", options_.tasks});
      commit::AcquireReply reply;
      while (!store_->PollAcquire(&reply)) io_.run_one();
      if (!reply.result) throw std::runtime_error(reply.result.error().message);
      seqs_[static_cast<size_t>(task)] = reply.result->seq;
    }
  }

  void Run(size_t units) {
    size_t answered = 0;
    for (size_t started = 0; answered < units;) {
      while (started < units && started < answered + options_.units_in_flight) Start(started++);
      io_.run_one();
      commit::CommitReply reply;
      while (store_->PollCommit(&reply)) {
        if (reply.result != commit::CommitResult::kApplied) throw std::runtime_error(reply.detail);
        ++answered;
      }
      while (store_->PollRead(&read_)) {
      }
    }
  }

 private:
  void Start(size_t unit) {
    const auto task = static_cast<int32_t>(unit % seqs_.size());
    uint64_t& seq = seqs_[static_cast<size_t>(task)];
    writes_.clear();
    items_.clear();
    const size_t first = unit / seqs_.size() * options_.effects_per_unit;
    for (size_t i = 0; i < options_.effects_per_unit; ++i) {
      const std::string& key = keys_[(first + i) % keys_.size()];
      if (options_.maps) {
        writes_.push_back({commit::WriteOp::Kind::kPutField, 0, key, "count", value_});
      } else {
        writes_.push_back({commit::WriteOp::Kind::kPutValue, 0, key, {}, value_});
      }
      if (options_.read) items_.push_back({0, key, {}});
    }
    if (options_.read) store_->StartRead(task, items_);
    std::string redo;
    std::vector<uint64_t> trimmed;
    if (options_.redo_units > 0) {
      for (const commit::WriteOp& op : writes_) redo_.Add({0, op.key, op.value});
      redo = redo_.Finish();
      writes_.resize(std::min(writes_.size(), options_.redo_writes));
      if (seq > options_.redo_units) trimmed.push_back(seq - options_.redo_units);
    }
    applied_[0].offset += static_cast<int64_t>(options_.effects_per_unit);
    store_->StartCommit({.partition = task,
                         .epoch = &epoch_,
                         .expected_seq = seq,
                         .seq = seq + 1,
                         .applied = applied_,
                         .writes = writes_,
                         .redo = redo,
                         .redo_trimmed = trimmed});
    ++seq;
  }

  Options options_;
  std::string value_;
  std::vector<std::string> keys_;
  boost::asio::io_context io_;
  SystemClock clock_;
  std::unique_ptr<RedisStore> store_;
  const std::string epoch_ = std::string(32, 'e');
  std::vector<uint64_t> seqs_;
  std::vector<commit::WriteOp> writes_;
  const std::vector<std::string> states_ = {"totals"};
  commit::RedoWriter redo_{&states_};
  std::vector<state::ReadItem> items_;
  Offsets applied_ = {{"in", 0}};
  state::ReadReply read_;
};

void Measure(const Options& options) {
  const RedisUrl url = *ParseRedisUrl(options.url);
  const Plain plain(redisConnect(url.host.c_str(), url.port), redisFree);
  if (!plain || plain->err != 0) throw std::runtime_error(url.Printable() + " is not reachable");
  Bench bench(options);
  const size_t warm_up =
      static_cast<size_t>(options.tasks) * (options.keys_per_task / options.effects_per_unit + 1);
  bench.Run(warm_up);
  Ask(plain.get(), "CONFIG RESETSTAT");
  const double redis_before = RedisCpu(plain.get()), own_before = OwnCpu();
  const auto begin = std::chrono::steady_clock::now();
  bench.Run(options.units);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const double effects = static_cast<double>(options.units * options.effects_per_unit);
  const std::string stats = Ask(plain.get(), "INFO commandstats");
  const size_t script = std::max(stats.find("cmdstat_evalsha:"), size_t{0});
  std::printf("effects/s %.0f  client CPU-s/M %.3f  Redis CPU-s/M %.3f  us per script %.0f\n",
              effects / seconds.count(), (OwnCpu() - own_before) / effects * 1e6,
              (RedisCpu(plain.get()) - redis_before) / effects * 1e6,
              Field(stats.substr(std::min(script, stats.size())), "usec_per_call="));
}

}  // namespace
}  // namespace millrace::redis

int main(int argc, char** argv) {
  millrace::redis::Options options;
  CLI::App app("Commits units to a Redis and measures what they cost on both sides");
  app.add_option("--redis", options.url, "redis://host:port; its database is written to")
      ->envname("REDIS")
      ->required();
  app.add_option("--units", options.units);
  app.add_option("--effects", options.effects_per_unit, "per unit");
  app.add_option("--keys", options.keys_per_task);
  app.add_option("--tasks", options.tasks);
  app.add_option("--value-bytes", options.value_bytes);
  app.add_option("--in-flight", options.units_in_flight, "units");
  app.add_flag("--read", options.read, "read the keys of a unit before it");
  app.add_flag("--maps", options.maps, "a map per key instead of a value");
  app.add_option("--redo-units", options.redo_units,
                 "every effect goes through the redo, whose entries are kept for so many units");
  app.add_option("--redo-writes", options.redo_writes,
                 "with --redo-units: so many effects of a unit are written to their cells as well");
  CLI11_PARSE(app, argc, argv);
  try {
    millrace::redis::Measure(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "redis_commit_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
