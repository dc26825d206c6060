// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "bench/kafka/clients.h"

namespace millrace::bench {

// An idempotent producer of one topic that takes records in batches and places them by key as
// Java's client does. Belongs to one thread; throws on every failure.
class BulkProducer {
 public:
  // `settings` wins over its own, which are for throughput.
  BulkProducer(const std::string& bootstrap, std::string topic, const Settings& settings = {});
  BulkProducer(const BulkProducer&) = delete;
  BulkProducer& operator=(const BulkProducer&) = delete;

  // Copies key and payload of each message, in order. Waits while too much is on its way.
  void Send(rd_kafka_message_t* messages, size_t count);
  // Serves what the library has to tell; never waits.
  void Poll();
  // Waits until the broker has everything.
  void Finish();
  // Records that the broker has not acknowledged yet.
  int64_t unacknowledged() const { return rd_kafka_outq_len(client_.get()); }

 private:
  static void OnDelivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self);
  void AwaitRoom(int in_flight_max);

  std::string name_;
  std::string error_;  // of the first record that was refused
  ClientPtr client_;
  kafka::TopicPtr topic_;
};

}  // namespace millrace::bench
