// SPDX-License-Identifier: Apache-2.0
// Rates of the Kafka adapters alone: `kafka_bench produce` fills a topic through the output
// producer, `kafka_bench consume` pops it through split partition queues. Prints records/s, CPU
// seconds per million records and peak memory.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "kafka/output_producer.h"
#include "kafka/record_consumer.h"
#include "kafka/topic_watch.h"

namespace {

using namespace millrace;  // NOLINT: a program of one file
using Steady = std::chrono::steady_clock;

struct Arguments {
  std::string bootstrap = "127.0.0.1:9092";
  std::string topic = "bench";
  int64_t records = 1'000'000;
  int partitions = 4;
  int keys = 100'000;
  size_t value_bytes = 84;
  int queued_records = kafka::RecordConsumerOptions{}.queued_records;
  int64_t queue_bytes = kafka::RecordConsumerOptions{}.queue_bytes;
  size_t batch = 1000;
  int64_t in_flight_bytes = 32 << 20;
  int work_ns = 0;
  std::vector<std::string> properties;
};

kafka::ClientOptions ClientOf(const Arguments& arguments) {
  kafka::ClientOptions options{
      .properties = {{"bootstrap.servers", arguments.bootstrap}},
      .client_id = "kafka-bench",
      .log = [](int, const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }};
  for (const std::string& property : arguments.properties) {
    const size_t at = property.find('=');
    options.properties[property.substr(0, at)] = property.substr(at + 1);
  }
  return options;
}

void Report(const char* what, int64_t records, Steady::time_point began) {
  const double seconds = std::chrono::duration<double>(Steady::now() - began).count();
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  const double cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  std::printf("%s: %lld records in %.2f s = %.0f /s, %.2f CPU-s per million, peak %ld MB\n", what,
              static_cast<long long>(records), seconds, static_cast<double>(records) / seconds,
              cpu / static_cast<double>(records) * 1e6, used.ru_maxrss / 1024);
}

void Await(int wake_fd) {
  pollfd waiting{.fd = wake_fd, .events = POLLIN, .revents = 0};
  poll(&waiting, 1, 100);
  uint64_t count = 0;
  if (read(wake_fd, &count, sizeof(count)) < 0) return;  // the tick, not a wake-up
}

// Stands for what a lane does with the records: without it the queues never fill up.
void Work(int64_t ns) {
  const auto until = Steady::now() + std::chrono::nanoseconds(ns);
  while (Steady::now() < until) continue;
}

int Consume(const Arguments& arguments) {
  const int wake_fd = eventfd(0, EFD_NONBLOCK);
  auto source = kafka::MakeRecordConsumer({.client = ClientOf(arguments),
                                           .group = "kafka-bench",
                                           .queue_bytes = arguments.queue_bytes,
                                           .queued_records = arguments.queued_records,
                                           .partitions_expected = arguments.partitions,
                                           .wake_fd = wake_fd});
  if (!source) return std::fprintf(stderr, "%s\n", source.error().message.c_str()), 1;
  const auto began = Steady::now();
  std::vector<std::unique_ptr<ingest::PartitionSource>> partitions;
  for (int i = 0; i < arguments.partitions; ++i) {
    partitions.push_back((*source)->Open({arguments.topic, i}, 0));
  }
  int64_t records = 0;
  int64_t bytes = 0;
  int waits = 0;
  while (records < arguments.records) {
    bool idle = true;
    for (auto& partition : partitions) {
      ingest::Popped popped = partition->Pop(arguments.batch);
      if (popped.error) return std::fprintf(stderr, "%s\n", popped.error->message.c_str()), 1;
      if (!popped.batch) continue;
      idle = false;
      for (const RecordView& record : popped.batch->records()) {
        bytes += static_cast<int64_t>(record.value.size());
      }
      const auto count = static_cast<int64_t>(popped.batch->records().size());
      records += count;
      Work(count * arguments.work_ns);
    }
    if (!idle) continue;
    ++waits;
    Await(wake_fd);
    (*source)->Serve();
  }
  Report("consume", records, began);
  std::printf("  %lld value bytes, %d waits\n", static_cast<long long>(bytes), waits);
  return 0;
}

int Produce(const Arguments& arguments) {
  auto watch = kafka::TopicWatch::Create(ClientOf(arguments), {arguments.topic});
  if (!watch) return std::fprintf(stderr, "%s\n", watch.error().message.c_str()), 1;
  const int wake_fd = eventfd(0, EFD_NONBLOCK);
  auto sink = kafka::MakeOutputProducer({.client = ClientOf(arguments),
                                         .topics = {arguments.topic},
                                         .watch = std::shared_ptr(std::move(*watch)),
                                         .wake_fd = wake_fd});
  if (!sink) return std::fprintf(stderr, "%s\n", sink.error().message.c_str()), 1;
  while (!(*sink)->PartitionCount(0)) Await(wake_fd);
  const auto began = Steady::now();
  const int32_t partitions = *(*sink)->PartitionCount(0);
  effects::OutputTicket ticket;
  const int64_t now_ms = SystemClock().UnixMillis();
  const std::string value(arguments.value_bytes, 'v');
  std::string key;
  std::string id;
  for (int64_t i = 0; i < arguments.records; ++i) {
    key = std::to_string(i % arguments.keys + 1'000'000'000);
    id = "function/topic/0/" + std::to_string(i) + "/0";
    const Status status = (*sink)->Produce({.output = 0,
                                            .key = key,
                                            .value = value,
                                            .headers = {},
                                            .id = id,
                                            .timestamp_ms = now_ms + i / 1000,
                                            .partition = static_cast<int32_t>(i % partitions)},
                                           &ticket);
    if (!status) return std::fprintf(stderr, "%s\n", status.error().message.c_str()), 1;
    if (i % 1000 != 0) continue;
    (*sink)->Poll();
    while (static_cast<int64_t>((*sink)->queued_bytes()) > arguments.in_flight_bytes) {
      Await(wake_fd);
      (*sink)->Poll();
    }
  }
  while (ticket.pending > 0) {
    Await(wake_fd);
    (*sink)->Poll();
  }
  if (ticket.failed) return std::fprintf(stderr, "%s\n", ticket.failed->message.c_str()), 1;
  Report("produce", arguments.records, began);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Rates of the Kafka adapters alone");
  app.require_subcommand(1);
  app.add_option("--bootstrap", arguments.bootstrap);
  app.add_option("--topic", arguments.topic);
  app.add_option("--records", arguments.records);
  app.add_option("--partitions", arguments.partitions);
  app.add_option("--value-bytes", arguments.value_bytes);
  app.add_option("--queued-records", arguments.queued_records);
  app.add_option("--queue-bytes", arguments.queue_bytes);
  app.add_option("--batch", arguments.batch);
  app.add_option("--in-flight-bytes", arguments.in_flight_bytes);
  app.add_option("--work-ns", arguments.work_ns, "consume: busy time per record");
  app.add_option("--property", arguments.properties, "NAME=VALUE, for the client");
  auto* consume = app.add_subcommand("consume")->fallthrough();
  app.add_subcommand("produce")->fallthrough();
  CLI11_PARSE(app, argc, argv);
  return *consume ? Consume(arguments) : Produce(arguments);
}
