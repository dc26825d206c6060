// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace millrace::load {

// Sends records on, the same bytes to the same partition of another topic, and commits the input's
// offsets behind them. Belongs to one thread; every call throws on failure.
class Publisher {
 public:
  virtual ~Publisher() = default;

  // Copies the records, which follow those that were sent before. Waits while too much is on its
  // way.
  virtual void Send(int32_t partition, rd_kafka_message_t* const* records, size_t count) = 0;
  // Begins to commit what was sent until now, unless the commit before is still on its way.
  virtual void Commit() = 0;
  // Goes on with what was begun; never waits.
  virtual void Serve() = 0;
  // Returns when all that was sent is there and committed.
  virtual void Finish() = 0;
  // Commits that were done.
  virtual int64_t commits() const = 0;
};

struct PublisherSpec {
  std::string brokers;
  std::string input;
  std::string output;
  std::string group;  // of `consumer`
  int partitions = 4;
  bool as_host = false;            // records like the host's, see OutputTopic
  rd_kafka_t* consumer = nullptr;  // commits the offsets; outlives the publisher
};

// Idempotent; an offset is committed when the broker has acknowledged every output before it.
std::unique_ptr<Publisher> MakeAtLeastOncePublisher(const PublisherSpec& spec);
// One transaction for each commit, with the outputs and the offsets.
std::unique_ptr<Publisher> MakeExactlyOncePublisher(const PublisherSpec& spec);

}  // namespace millrace::load
