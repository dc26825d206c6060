// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/kafka/clients.h"

namespace millrace::bench {

// The same offset for every partition, as Assign wants them.
inline std::vector<int64_t> FromOffset(int partitions, int64_t offset) {
  return std::vector<int64_t>(static_cast<size_t>(partitions), offset);
}

// What the host's consumer is set to, for programs that are compared with it: how much is
// prefetched, how often a full queue is looked at again, committed records only.
Settings HostConsumerSettings(int partitions);

// Errors that a consumer tells and recovers from by itself.
inline bool IsPassing(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
         error == RD_KAFKA_RESP_ERR__RESOLVE || error == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

// A consumer that is assigned every partition of a topic and is no member of a group. Belongs to
// one thread; throws on every failure.
class Consumer {
 public:
  // Nothing is committed by itself; `settings` names the group.
  Consumer(const std::string& bootstrap, std::string topic, int partitions, Settings settings);
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  ~Consumer();

  // Every partition gets a queue of its own, to be popped by rd_kafka_consume_batch_queue. Before
  // Assign: nothing may reach the common queue.
  void Split();
  const std::vector<kafka::QueuePtr>& queues() const { return queues_; }

  // An offset for each partition; RD_KAFKA_OFFSET_BEGINNING and so on work as well.
  void Assign(const std::vector<int64_t>& offsets);
  // The first error, or record of a queue that was not split; null: nothing in time.
  rd_kafka_message_t* Poll(int wait_ms) { return rd_kafka_consumer_poll(client_.get(), wait_ms); }
  rd_kafka_t* client() { return client_.get(); }

 private:
  void Drain();

  ClientPtr client_;
  std::string topic_;
  int partitions_;
  std::vector<kafka::QueuePtr> queues_;  // empty until Split; they end before the client
};

}  // namespace millrace::bench
