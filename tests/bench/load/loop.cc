// SPDX-License-Identifier: Apache-2.0
#include "loop.h"

#include <memory>

#include "bench/kafka/check.h"
#include "bench/kafka/usage.h"
#include "publisher.h"
#include "schedule.h"
#include "topic_reader.h"

namespace millrace::load {
namespace {

std::unique_ptr<Publisher> MakePublisher(const LoopSpec& spec, TopicReader* reader) {
  const PublisherSpec publisher{.brokers = spec.brokers,
                                .input = spec.input,
                                .output = spec.output,
                                .group = spec.group,
                                .partitions = reader->partitions(),
                                .as_host = spec.as_host,
                                .consumer = reader->client()};
  return spec.delivery == Delivery::kExactlyOnce ? MakeExactlyOncePublisher(publisher)
                                                 : MakeAtLeastOncePublisher(publisher);
}

}  // namespace

LoopRun Loop(const LoopSpec& spec) {
  TopicReader reader(spec.brokers, spec.input, spec.group);
  bench::EnsureTopic(spec.brokers, spec.output, reader.partitions());
  const auto publisher = MakePublisher(spec, &reader);
  const int64_t interval_ns = spec.commit_interval_ms * 1'000'000;
  LoopRun run;
  int64_t began_ns = 0;
  int64_t commit_ns = 0;
  double cpu = 0;
  const auto send = [&](int32_t partition, rd_kafka_message_t* const* records, size_t count) {
    if (run.records == 0) {
      began_ns = NowNs();
      commit_ns = began_ns + interval_ns;
      cpu = bench::OwnCpuSeconds();
    }
    publisher->Send(partition, records, count);
    run.records += static_cast<int64_t>(count);
  };
  while (!bench::TakeInterruption() && !(spec.until_end && reader.reached_end())) {
    reader.Read(send);
    publisher->Serve();
    if (run.records == 0 || NowNs() < commit_ns) continue;
    publisher->Commit();
    commit_ns = NowNs() + interval_ns;
  }
  publisher->Finish();
  run.commits = publisher->commits();
  if (run.records == 0) return run;
  run.seconds = static_cast<double>(NowNs() - began_ns) / 1e9;
  run.cpu_seconds = bench::OwnCpuSeconds() - cpu;
  return run;
}

}  // namespace millrace::load
