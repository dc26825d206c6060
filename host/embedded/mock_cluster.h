// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/logger.h"
#include "base/result.h"

namespace millrace::embedded {

// The partitions of every topic that `millrace dev` makes, and of one that a client names first.
inline constexpr int kMockPartitions = 4;

// A Kafka broker in the memory of this process, for `millrace dev`: the client library's mock
// cluster with one broker on a free loopback port. Any Kafka client of this machine can produce to
// it, consume from it and be a member of a group.
//
// What it is not:
// - durable: records and group offsets end with this object;
// - patient: a partition keeps its newest 5 MB as the producer sent them (compressed ones stay
//   compressed), or its newest 100,000 batches; a reader that falls behind that finds its offset
//   out of range. Nothing is ever kept because a group has not read it;
// - transactional: a transaction's records are visible at once and stay visible after an abort, and
//   the offsets that a transaction commits are dropped;
// - able to say that a topic is missing: the first client that asks for one makes it, with 4
//   partitions, whatever its allow.auto.create.topics says (and such a client logs a warning);
// - quick to form a group: the first assignment takes 3 to 4 s, one that changes members up to 12;
// - searchable by time: offsets_for_times answers "the end" for every timestamp;
// - compacting, or able to make and delete topics through the admin API.
// Guarantees are therefore tested on a real broker only.
//
// Not movable, one owner. The broker serves from threads of its own; the methods may be called from
// any thread. Destroying it closes the port and every connection to it within a second.
class MockCluster {
 public:
  // `log` may be null, else outlives the cluster; it gets what the library says. A failure is
  // kFatal: the machine gave no loopback port, thread or memory.
  static Result<std::unique_ptr<MockCluster>> Start(Logger* log);
  ~MockCluster();
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  // "127.0.0.1:PORT", for bootstrap.servers.
  const std::string& bootstrap() const;

  // A topic that exists already, however many partitions it has, is well. kFatal: the library
  // refuses the name or the number.
  Status CreateTopic(const std::string& name, int partitions = kMockPartitions);

 private:
  struct Handles;
  explicit MockCluster(std::unique_ptr<Handles> handles);
  std::unique_ptr<Handles> handles_;
};

}  // namespace millrace::embedded
